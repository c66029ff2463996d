// More than anybody should send: INVITEs, OPTIONS, responses and noise of strangers, from one address or from many.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { LiveNode } from "./live-node.ts";

const FIRST_HOST = 60;

export interface FloodOptions {
  /** Addresses that it comes from, up to 190. */
  readonly sources: number;
  /** Datagrams a second in all. */
  readonly rate: number;
  readonly forMs: number;
}

function datagrams(port: number): Buffer[] {
  const head = (method: string, number: number): string =>
    `Via: SIP/2.0/UDP ${LiveNode.host(99)}:${port};branch=z9hG4bKflood${number};rport\r\nMax-Forwards: 70\r\n` +
    `From: <sip:x@y>;tag=${number}\r\nTo: <sip:1000@${LiveNode.host(1)}>\r\nCall-ID: flood-${number}\r\n` +
    `CSeq: 1 ${method}\r\nContact: <sip:x@${LiveNode.host(99)}>\r\nContent-Length: 0\r\n\r\n`;
  const route = `Route: <sip:t1.u0-3wk-10_0_0_1.u0-3wk-10_0_0_2.AAAAAAAAAAAAAA@${LiveNode.host(1)}:${port};lr>\r\n`;
  return Array.from({ length: 64 }, (_, number) => {
    const uri = `sip:1000@${LiveNode.host(1)}:${port}`;
    const texts = [
      `INVITE ${uri} SIP/2.0\r\n${head("INVITE", number)}`,
      `OPTIONS ${uri} SIP/2.0\r\n${head("OPTIONS", number)}`,
      `BYE sip:x@10.0.0.1 SIP/2.0\r\n${route}${head("BYE", number)}`,
      `CANCEL ${uri} SIP/2.0\r\n${head("CANCEL", number)}`,
      `SIP/2.0 200 OK\r\n${head("INVITE", number)}`,
      `REGISTER ${uri} SIP/2.0\r\n\r\n`,
      "\x16\x03\x01garbage",
      "x".repeat(1_200),
    ];
    return Buffer.from(texts[number % texts.length] ?? "", "latin1");
  });
}

/** @returns datagrams sent */
export async function flood(node: LiveNode, { sources, rate, forMs }: FloodOptions): Promise<number> {
  const list = datagrams(LiveNode.port);
  const sockets: Socket[] = [];
  for (let i = 0; i < sources; i++) {
    const socket = createSocket("udp4");
    socket.bind(LiveNode.port, LiveNode.host(FIRST_HOST + i));
    await once(socket, "listening");
    socket.on("message", () => {});
    sockets.push(socket);
  }
  let sent = 0;
  const start = performance.now();
  for (let passed = 0; passed < forMs; passed = performance.now() - start) {
    for (const due = (passed / 1_000) * rate; sent < due; sent++) {
      const bytes = list[sent % list.length];
      if (bytes !== undefined) sockets[sent % sources]?.send(bytes, LiveNode.port, LiveNode.host(1));
    }
    await delay(2);
    if (!node.isRunning) throw node.ended("in a flood");
  }
  for (const socket of sockets) socket.close();
  return sent;
}
