/** Sends the resignation: five copies a path, a little apart, as what loses one datagram often loses its neighbour. */

import { setTimeout as delay } from "node:timers/promises";
import { DgramAsPromised } from "dgram-as-promised";
import type { ResignationCopy } from "./engine-message.ts";

const COPIES = 5;
const APART_MS = 10;

/**
 * @param onFault a path on which it could not be sent, as a sentence; the others are used all the same
 * @returns when all copies are sent. Never rejects.
 */
export async function sendResignation(
  copies: readonly ResignationCopy[],
  confirmed: boolean,
  onFault: (reason: string) => void,
): Promise<void> {
  await Promise.all(
    copies.map(async (copy) => {
      try {
        await sendCopies(copy, confirmed);
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error);
        onFault(`no resignation from ${copy.from} to ${copy.to.address}:${copy.to.port}: ${words}`);
      }
    }),
  );
}

async function sendCopies(
  { from, to, confirmed, unconfirmed }: ResignationCopy,
  gone: boolean,
): Promise<void> {
  const datagram = Buffer.from(gone ? confirmed : unconfirmed, "base64");
  const socket = DgramAsPromised.createSocket(from.includes(":") ? "udp6" : "udp4");
  try {
    await socket.bind({ address: from, port: 0 });
    for (let sent = 0; sent < COPIES; sent++) {
      if (sent > 0) await delay(APART_MS);
      await socket.send(datagram, 0, datagram.length, to.port, to.address);
    }
  } finally {
    await socket.close();
  }
}
