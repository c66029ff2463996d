// Transports with everything they tell written down, and plain sockets to talk to them.
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { Clock } from "../../../src/sip/timer/clock.ts";
import type { Flow, ListenerAddress, SendFailure, Transports } from "../../../src/transport/flow.ts";
import { openTransports, type TransportOptions } from "../../../src/transport/transports.ts";

export const UDP: ListenerAddress = { transport: "udp", address: "127.0.0.1", port: 0 };
export const UDP6: ListenerAddress = { transport: "udp", address: "::1", port: 0 };
export const TCP: ListenerAddress = { transport: "tcp", address: "127.0.0.1", port: 0 };

const clock: Clock = {
  now: () => performance.now(),
  wakeAt(at, wake) {
    const timer = setTimeout(wake, Math.max(0, at - performance.now()));
    return () => clearTimeout(timer);
  },
};

export interface Node {
  readonly transports: Transports;
  readonly messages: { raw: string; flow: Flow }[];
  readonly failures: { failure: SendFailure; flow: Flow; at: number }[];
  readonly dropped: string[];
  /** Called for each message, where set: what the proxy would do with it. */
  onMessage: (raw: string, flow: Flow) => void;
  port(listener?: number): number;
}

/** Ends with the test. */
export async function openNode(
  t: TestContext,
  listen: readonly ListenerAddress[],
  options: TransportOptions = {},
): Promise<Node> {
  const messages: Node["messages"] = [];
  const failures: Node["failures"] = [];
  const dropped: string[] = [];
  const handlers = {
    onMessage(raw: string, flow: Flow) {
      messages.push({ raw, flow });
      node.onMessage(raw, flow);
    },
    onFailure(flow: Flow, failure: SendFailure) {
      failures.push({ failure, flow, at: performance.now() });
    },
    onDropped(reason: string) {
      dropped.push(reason);
    },
  };
  const transports = await openTransports(listen, handlers, options, clock);
  const node: Node = {
    transports,
    messages,
    failures,
    dropped,
    onMessage: () => {},
    port: (listener = 0) => transports.listeners[listener]?.port ?? 0,
  };
  t.after(() => transports.abort());
  return node;
}

/** Waits for what the kernel brings; polls, as sockets give no other word. */
export async function until(what: string, condition: () => boolean, withinMs = 3_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export function to(change: Partial<Flow>): Flow {
  return { transport: "udp", listener: 0, address: "127.0.0.1", port: 9, connection: 0, ...change };
}

export function options(callId: string, body = ""): string {
  return `OPTIONS sip:a SIP/2.0\r\nCall-ID: ${callId}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

export interface Peer {
  readonly socket: UdpSocket;
  readonly port: number;
  readonly heard: { text: string; address: string; port: number }[];
  say(bytes: string | Buffer, port: number, address?: string): Promise<void>;
}

/** A plain UDP socket. */
export async function openPeer(t: TestContext, address = "127.0.0.1", port = 0): Promise<Peer> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const heard: Peer["heard"] = [];
  socket.on("message", (bytes, remote) => heard.push({ text: bytes.toString("latin1"), ...remote }));
  socket.bind(port, address);
  await once(socket, "listening");
  t.after(() => closeUdp(socket));
  return {
    socket,
    heard,
    port: socket.address().port,
    say(bytes, port, to = address) {
      const message = Buffer.from(bytes as string, "latin1");
      return new Promise((resolve, reject) => {
        socket.send(message, port, to, (error) => (error ? reject(error) : resolve()));
      });
    },
  };
}

export function closeUdp(socket: UdpSocket): void {
  try {
    socket.close();
  } catch {
    // closed by the test
  }
}

/** A port of this machine on which nobody listens. */
export async function deadPort(t: TestContext, address = "127.0.0.1"): Promise<number> {
  const peer = await openPeer(t, address);
  closeUdp(peer.socket);
  return peer.port;
}

export interface Caller {
  readonly socket: Socket;
  heard: string;
  ended: boolean;
  failed: string;
}

/** A plain TCP client, connected. */
export async function openCaller(t: TestContext, port: number): Promise<Caller> {
  const caller = dial(t, port);
  await once(caller.socket, "connect");
  return caller;
}

/** A plain TCP client that may be refused. */
export function dial(t: TestContext, port: number): Caller {
  return follow(t, connect({ port, host: "127.0.0.1" }));
}

function follow(t: TestContext, socket: Socket): Caller {
  const caller: Caller = { socket, heard: "", ended: false, failed: "" };
  socket.on("data", (chunk: Buffer) => {
    caller.heard += chunk.toString("latin1");
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    caller.failed = error.code ?? error.message;
  });
  socket.on("close", () => {
    caller.ended = true;
  });
  t.after(() => socket.destroy());
  return caller;
}

export interface Callee {
  readonly server: Server;
  readonly port: number;
  readonly calls: Caller[];
}

/** A plain TCP server. */
export async function openCallee(t: TestContext, address = "127.0.0.1", port = 0): Promise<Callee> {
  const calls: Caller[] = [];
  const server = createServer((socket) => calls.push(follow(t, socket)));
  server.listen(port, address);
  await once(server, "listening");
  t.after(() => server.close());
  return { server, calls, port: (server.address() as AddressInfo).port };
}
