// A datagram of each size there is.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { giants } from "./giants.ts";
import { LiveNode } from "./live-node.ts";

/** The largest that IPv4 carries (65,535 less the headers of IP and UDP). */
export const DATAGRAM_MAX = 65_507;
/** Bytes before a pause, so that the node's receive buffer has room for the calls beside. */
const BURST_BYTES = 200_000;

/**
 * Sends datagrams of these sizes, each of zeros and of the begin of a request, and then the {@link giants}.
 * @param sizes 0 to {@link DATAGRAM_MAX}
 * @returns what was sent, in words
 */
export async function sendSizes(node: LiveNode, sizes: Iterable<number>): Promise<string> {
  const socket = createSocket({ type: "udp4", sendBufferSize: 1_000_000 });
  socket.bind(LiveNode.port, LiveNode.host(11));
  await once(socket, "listening");
  socket.on("message", () => {});
  const zeros = Buffer.alloc(DATAGRAM_MAX);
  const text = Buffer.alloc(DATAGRAM_MAX, "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nX: ");
  let burst = 0;
  let sent = 0;
  const send = async (bytes: Buffer): Promise<void> => {
    sent++;
    burst += bytes.length + 1_000;
    socket.send(bytes, LiveNode.port, LiveNode.host(1));
    if (burst < BURST_BYTES) return;
    burst = 0;
    await delay(2);
    if (!node.isRunning) throw node.ended(`after ${bytes.length} bytes`);
  };
  for (const size of sizes) {
    await send(zeros.subarray(0, size));
    await send(text.subarray(0, size));
  }
  for (const each of giants(DATAGRAM_MAX)) await send(Buffer.from(each, "latin1"));
  await delay(50);
  socket.close();
  return `${sent} datagrams`;
}

/** Every size up to 2,000 bytes, each 16th above. */
export function sendAllSizes(node: LiveNode): Promise<string> {
  const sizes: number[] = [];
  for (let size = 0; size <= DATAGRAM_MAX; size += size < 2_000 ? 1 : 16) sizes.push(size);
  return sendSizes(node, [...sizes, DATAGRAM_MAX]);
}
