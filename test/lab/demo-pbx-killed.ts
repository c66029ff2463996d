// First act of the demo: real calls cross an edge while one of its two PBXs is killed and comes back.
import { watchPackets } from "./capture.ts";
import { DemoReport } from "./demo-report.ts";
import { Edge } from "./edge.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { CallBook } from "./sip-trace.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";
import { until } from "./until.ts";

const CALLS_PER_SECOND = 50;
const OFFER_S = 8;
const TALK_MS = 2_000;
const KILL_AT_S = 3;
const RETURN_AT_S = 6;
/** The last call begins at 8 s, talks for 2 s; the rest is patience for a call in trouble. */
const END_AT_S = 20;

function edgeConfig(edge: Host, caller: Host, pbxs: readonly Host[]): string {
  return `
node: edge-a
listen: [udp://${edge.ip4}:5060]
identity:
  secret: [the-demo-needs-no-real-secret]
groups:
  carriers: { sources: [${caller.ip4}] }
  pbx: { targets: [${pbxs.map((pbx) => `"sip:${pbx.ip4}:5060"`).join(", ")}] }
routes:
  - { from: carriers, to: pbx }
log: { level: info }
`;
}

/** Runs `action` at each second from the first call on until the caller has ended. */
async function eachSecond(caller: Sipp, action: (second: number) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  for (let second = 1; second <= END_AT_S; second++) {
    const left = startedAt + second * 1_000 - performance.now();
    const tick = new Promise<"tick">((resolve) => setTimeout(() => resolve("tick"), Math.max(0, left)));
    if ((await Promise.race([tick, caller.program.exited])) !== "tick") return;
    await action(second);
  }
}

/** @returns true when no call was lost */
export async function pbxKilled(lab: Lab): Promise<boolean> {
  const caller = lab.host("caller", { number: 10 });
  const edgeHost = lab.host("edge-a", { number: 2 });
  const pbxHosts = [lab.host("pbx-1", { number: 11 }), lab.host("pbx-2", { number: 12 })] as const;
  const book = new CallBook({ callers: [caller.ip4], pbxs: pbxHosts.map((pbx) => pbx.ip4) });
  const report = new DemoReport(book, { pbx1: pbxHosts[0].ip4, pbx2: pbxHosts[1].ip4 });
  report.title({ caller: caller.ip4, edge: edgeHost.ip4, offerS: OFFER_S, rate: CALLS_PER_SECOND });

  let pbx1 = await startPbx(pbxHosts[0], { scenario: "uas-answer" });
  await startPbx(pbxHosts[1], { scenario: "uas-answer" });
  const edge = await Edge.start(edgeHost, edgeConfig(edgeHost, caller, pbxHosts));
  const stopWatching = await watchPackets(lab.switchHost(), {
    interface: "br-front",
    filter: "udp port 5060",
    onPacket: (packet) => book.add(packet),
  });

  const sipp = startCaller(caller, {
    scenario: "uac-patient",
    remote: { address: edgeHost.ip4 },
    calls: CALLS_PER_SECOND * OFFER_S,
    rate: CALLS_PER_SECOND,
    talkMs: TALK_MS,
  });
  await until("the first call", 5_000, () => (book.calls.size > 0 ? true : null));
  report.heading();
  await eachSecond(sipp, async (second) => {
    report.progress(second, sipp.statistics());
    if (second === KILL_AT_S) {
      pbx1.program.kill("SIGKILL");
      await pbx1.program.exited;
      report.killed(second);
    } else if (second === RETURN_AT_S) {
      pbx1 = await startPbx(pbxHosts[0], { scenario: "uas-answer" });
      report.returned(second);
    }
  });
  const ended = !sipp.program.running;
  if (!ended) sipp.program.kill("SIGKILL");
  await stopWatching();
  return report.close({ statistics: sipp.statistics(), ended, complaints: edge.complaints() });
}
