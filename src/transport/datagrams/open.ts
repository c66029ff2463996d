// Which of the two ways datagrams go.
import { createSocket, type Socket } from "node:dgram";
import type { Flow } from "../flow.ts";
import type { DatagramIo } from "./datagram-io.ts";
import { ManyIo } from "./many-io.ts";
import { NodeIo } from "./node-io.ts";
import { codeOf, openSystemCalls, type SystemCalls } from "./system-calls.ts";

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
  try {
    const calls = await openSystemCalls();
    return typeof calls === "string" ? calls : await tried(calls);
  } catch (error) {
    return String(error);
  }
}

/** Sends one datagram to itself and reads it, before calls depend on it: a sandbox may refuse the system calls. */
async function tried(calls: SystemCalls): Promise<ManyIo | string> {
  const socket = createSocket("udp4");
  // Node keeps the handle of a socket under a symbol of its own; what else it offers for it is deprecated.
  const state = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "state symbol",
  );
  const bound = new Promise((resolve) => {
    socket.once("listening", resolve).once("error", resolve);
  });
  socket.bind({ address: "127.0.0.1", port: 0, exclusive: true });
  await bound;
  try {
    const fd = state === undefined ? undefined : fdBehind(socket, state);
    if (state === undefined || typeof fd !== "number")
      return "this Node does not say which descriptor a socket has";
    const io = new ManyIo(calls, (each) => fdBehind(each, state) as number);
    return tryWith(io, fd, socket.address().port) ?? io;
  } finally {
    socket.close();
  }
}

/** @returns what does not work; null where all does */
function tryWith(io: ManyIo, fd: number, port: number): string | null {
  const text = "itself";
  let why: string | null = null;
  const self = {
    fd,
    isConnected: false,
    isOpen: true,
    isWaiting: false,
    unsent: (_flow: Flow, _message: string, code: string) => {
      why = `sendmmsg ${code}`;
      return false;
    },
    wait() {},
  };
  io.post(self, { transport: "udp", listener: 0, address: "127.0.0.1", port, connection: 0 }, text);
  io.flush();
  const result = io.receive(fd, {
    received: (memory, from, to, address, sender) => {
      const isSame =
        memory.toString("latin1", from, to) === text && address === "127.0.0.1" && sender === port;
      if (!isSame) why = "what was read is not what was sent";
    },
    failed() {},
    unsent: () => false,
  });
  // It may be on its way still.
  if (result < 0 && codeOf(result) !== "EAGAIN") why ??= `recvmmsg ${codeOf(result)}`;
  return why;
}

function fdBehind(socket: Socket, state: symbol): unknown {
  return (socket as unknown as Record<symbol, { handle?: { fd?: unknown } } | undefined>)[state]?.handle?.fd;
}
