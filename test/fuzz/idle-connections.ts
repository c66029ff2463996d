// Many TCP connections that say nothing.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { LiveNode } from "./live-node.ts";

/** Half of what one address may have by default. */
const PER_ADDRESS = 50;
const AT_ONCE = 100;
/** Descriptors left to everything else in this process and in the node. */
const DESCRIPTORS_LEFT = 500;
const FIRST_HOST = 30;
/** Above it no addresses are left. */
const CONNECTIONS_MAX = (254 - FIRST_HOST) * PER_ADDRESS;

/** How many of the wanted connections the limits of this machine allow to one process. */
export function affordable(wanted: number): number {
  const limits = readFileSync("/proc/self/limits", "latin1");
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? 1_024);
  return Math.max(0, Math.min(wanted, hard - DESCRIPTORS_LEFT, CONNECTIONS_MAX));
}

/** Opens them from as many addresses as are needed; each is connected. */
export async function openIdle(count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, (_, index) => {
      const localAddress = LiveNode.host(FIRST_HOST + Math.floor((sockets.length + index) / PER_ADDRESS));
      return connect({ host: LiveNode.host(1), port: LiveNode.port, localAddress });
    });
    await Promise.all(batch.map((socket) => once(socket, "connect")));
    for (const socket of batch) socket.on("error", () => {});
    sockets.push(...batch);
  }
  return sockets;
}
