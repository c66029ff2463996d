/** What parsing and forwarding one INVITE of 1 KB costs: `node test/bench/forward.ts`. Prints microseconds a message. */
import { forwardedRequest } from "../../src/proxy/request-edits.ts";
import { stampedVia } from "../../src/sip/header/via-stamp.ts";
import { parseMessage } from "../../src/sip/message/sip-message.ts";
import { ProxyWorld, request } from "../support/proxy-world.ts";

const ROUNDS = 200_000;
const body = `v=0\r\n${"a=rtpmap:0 PCMU/8000\r\n".repeat(22)}`;
const text = request("INVITE", {
  body,
  more: ["User-Agent: bench", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE", "Supported: timer, 100rel"],
});
const bytes = Buffer.from(text, "latin1");
const source = { address: "192.0.2.1", port: 5060 };
const target = Buffer.alloc(4_096);

function once(): number {
  const message = parseMessage(bytes.toString("latin1"));
  const out = forwardedRequest(message, {
    uriText: "sip:+15551234567@10.1.0.11",
    topVia: stampedVia(message.raw, message.topVia, source),
    via: "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK111O0N7onWFVuJz6KljYpy0WLR3jwQxa9;rport",
    recordRoutes:
      "Record-Route: <sip:t1.u0-3wk-192_0_2_1.u0-3wk-10_1_0_11.tCd7pcYtTnsInZ@198.51.100.10:5060;lr>\r\n",
    routes: null,
    maxBreadth: 60,
    overStream: false,
  });
  return target.write(out, "latin1");
}

function measure(name: string, run: () => void, rounds: number): void {
  for (let i = 0; i < rounds / 4; i++) run();
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < rounds; i++) run();
    times.push(process.cpuUsage(start).user / rounds);
  }
  times.sort((a, b) => a - b);
  console.log(
    `${name}: median ${times[2]?.toFixed(2)} µs, best ${times[0]?.toFixed(2)} (${text.length} bytes)`,
  );
}

measure("parse and forward", once, ROUNDS);
let calls = 0;
const world = new ProxyWorld();
measure(
  "INVITE through the proxy core, to its forwarding",
  () => {
    calls++;
    world.sent.length = 0;
    world.receive(
      request("INVITE", {
        callId: `c${calls}`,
        via: `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK${calls};rport`,
        body,
      }),
    );
    if (calls % 1_000 === 0) world.pass(1_000);
  },
  10_000,
);
