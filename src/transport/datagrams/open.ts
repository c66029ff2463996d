// Which of the two ways datagrams go.
import { createSocket, type Socket } from "node:dgram";
import type { DatagramIo } from "./datagram-io.ts";
import { ManyIo } from "./many-io.ts";
import { NodeIo } from "./node-io.ts";
import { openSystemCalls } from "./system-calls.ts";

export interface OpenedIo {
  readonly io: DatagramIo;
  /** Why datagrams go one by one; null where they go by the many. */
  readonly why: string | null;
}

/** The one of the process, as its memory is large. */
let many: Promise<ManyIo | string> | null = null;

export async function openDatagramIo(): Promise<OpenedIo> {
  many ??= openMany();
  const io = await many;
  return typeof io === "string" ? { io: new NodeIo(), why: io } : { io, why: null };
}

async function openMany(): Promise<ManyIo | string> {
  const calls = await openSystemCalls();
  if (typeof calls === "string") return calls;
  const state = await stateSymbol();
  if (state === null) return "this Node does not say which descriptor a socket has";
  return new ManyIo(calls, (socket) => fdBehind(socket, state) as number);
}

/** Node keeps the handle of a socket under a symbol of its own; what else it offers for it is deprecated. */
async function stateSymbol(): Promise<symbol | null> {
  const socket = createSocket("udp4");
  const state = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "state symbol",
  );
  const bound = new Promise((resolve) => {
    socket.once("listening", resolve).once("error", resolve);
  });
  socket.bind({ address: "127.0.0.1", port: 0, exclusive: true });
  await bound;
  const isKnown = state !== undefined && Number.isInteger(fdBehind(socket, state));
  socket.close();
  return isKnown ? state : null;
}

function fdBehind(socket: Socket, state: symbol): unknown {
  return (socket as unknown as Record<symbol, { handle?: { fd?: unknown } } | undefined>)[state]?.handle?.fd;
}
