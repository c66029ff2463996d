// How datagrams get out of the system's sockets and into them. There are two ways: many by one system call (many-io.ts),
// and one by one as Node does it (node-io.ts), where the first is not to be had.
import type { Socket } from "node:dgram";
import type { Flow } from "../flow.ts";

export interface DatagramHandlers {
  /** One datagram: bytes `from` up to `to` of a memory that others lie in afterwards. */
  received(memory: Buffer, from: number, to: number, address: string, port: number): void;
  /** An error that belongs to no datagram in particular. */
  failed(error: Error): void;
  /**
   * One that did not leave. May be called inside `post` and `flush`.
   * @param again it is the second attempt
   * @returns to make a second attempt now
   */
  unsent(flow: Flow, message: string, error: Error, again: boolean): boolean;
}

export interface DatagramSocket {
  /**
   * Takes a datagram (latin1), which leaves with the next `flush` of the whole at the latest. A socket that is connected
   * sends it there, whatever the flow.
   */
  post(flow: Flow, message: string): void;
  /** Closes at once. What was posted and not flushed is never sent, and what waited for room is told as not sent. */
  close(): void;
}

export interface DatagramIo {
  /**
   * Takes over a socket: it is not to be used by the caller again.
   * @param socket bound, perhaps connected
   * @throws the system's error; the socket is closed then
   */
  open(socket: Socket, handlers: DatagramHandlers): DatagramSocket;
  /** Sends what was posted, in order for each socket. */
  flush(): void;
}

/** @param code of the system: "ECONNREFUSED" */
export function systemError(call: string, code: string): Error {
  return Object.assign(new Error(`${call} ${code}`), { code });
}
