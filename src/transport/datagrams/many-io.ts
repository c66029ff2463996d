// Datagrams by the many: what a socket holds is read by one system call, and what leaves by one socket is sent by one.
// Measured in docs/performance.md.
import type { Socket } from "node:dgram";
import type { Flow } from "../flow.ts";
import { type DatagramHandlers, type DatagramIo, type DatagramSocket, systemError } from "./datagram-io.ts";
import { MessageTable } from "./message-table.ts";
import { isConnected } from "./node-io.ts";
import { type Outlet, PolledSocket } from "./polled-socket.ts";
import { SocketAddresses } from "./socket-address.ts";
import { codeOf, type SystemCalls } from "./system-calls.ts";

/** Read of one socket before others have their turn, as libuv does. */
export const RECEIVED_MAX = 32;
/** Memory for each of them; none over IPv4 or IPv6 is larger. */
export const DATAGRAM_BYTES = 65_536;
/** Posted by all sockets together, or so many bytes: then they leave. */
export const POSTED_MAX = 256;
export const POSTED_BYTES_MAX = 524_288;

interface Posted {
  readonly outlet: Outlet;
  readonly flow: Flow;
  readonly message: string;
}

export class ManyIo implements DatagramIo {
  private readonly calls: SystemCalls;
  private readonly fdOf: (socket: Socket) => number;
  private readonly addresses = new SocketAddresses();
  private readonly inward: MessageTable;
  private readonly outward: MessageTable;
  /** By index in `outward`; undefined once it has got its header. */
  private readonly posted: (Posted | undefined)[] = [];
  private readonly addressBytes = new Uint8Array(POSTED_MAX);
  private bytesUsed = 0;

  /** @param fdOf descriptor of an open socket */
  constructor(calls: SystemCalls, fdOf: (socket: Socket) => number) {
    this.calls = calls;
    this.fdOf = fdOf;
    this.inward = new MessageTable(calls, RECEIVED_MAX, RECEIVED_MAX * DATAGRAM_BYTES);
    this.outward = new MessageTable(calls, POSTED_MAX, POSTED_BYTES_MAX);
    for (let index = 0; index < RECEIVED_MAX; index++) {
      this.inward.place(index, index * DATAGRAM_BYTES, DATAGRAM_BYTES);
      this.inward.head(index, index, 1);
    }
    this.inward.makeRoom(RECEIVED_MAX);
  }

  open(socket: Socket, handlers: DatagramHandlers): DatagramSocket {
    // libuv polls a descriptor once only: ours is a second one, which stays when Node closes its own.
    const fd = this.calls.duplicate(this.fdOf(socket));
    const connected = isConnected(socket);
    socket.close();
    if (fd < 0) throw systemError("dup", codeOf(fd));
    try {
      return new PolledSocket(this, this.calls, fd, connected, handlers);
    } catch (error) {
      this.calls.close(fd);
      throw error;
    }
  }

  /** Hands over what a socket has, up to {@link RECEIVED_MAX}. @returns their number, or the negative error number */
  receive(fd: number, handlers: DatagramHandlers): number {
    const { inward, addresses } = this;
    const count = this.calls.receive(fd, inward.headersFrom(0), RECEIVED_MAX);
    if (count <= 0) return count;
    inward.makeRoom(count);
    for (let index = 0; index < count; index++) {
      const from = index * DATAGRAM_BYTES;
      const at = inward.addressAt(index);
      const address = addresses.address(inward.words, at);
      handlers.received(
        inward.data,
        from,
        from + inward.received(index),
        address,
        addresses.port(inward.words, at),
      );
    }
    return count;
  }

  post(outlet: Outlet, flow: Flow, message: string): void {
    const { outward, posted } = this;
    const bytes = message.length;
    if (bytes > DATAGRAM_BYTES) {
      outlet.unsent(flow, message, "EMSGSIZE", true);
      return;
    }
    if (posted.length === POSTED_MAX || this.bytesUsed + bytes > POSTED_BYTES_MAX) {
      this.flush();
      if (outlet.isWaiting) {
        outlet.wait(flow, message);
        return;
      }
    }
    const index = posted.length;
    const addressBytes = outlet.isConnected
      ? 0
      : this.addresses.write(outward.words, outward.addressAt(index), flow.address, flow.port);
    if (addressBytes === 0 && !outlet.isConnected) {
      outlet.unsent(flow, message, "EINVAL", true);
      return;
    }
    this.addressBytes[index] = addressBytes;
    outward.data.write(message, this.bytesUsed, "latin1");
    outward.place(index, this.bytesUsed, bytes);
    this.bytesUsed += bytes;
    posted.push({ outlet, flow, message });
  }

  /** What was posted by it is not sent. */
  forget(outlet: Outlet): void {
    const { posted } = this;
    for (let index = 0; index < posted.length; index++)
      if (posted[index]?.outlet === outlet) posted[index] = undefined;
  }

  flush(): void {
    const { posted } = this;
    for (let first = 0; first < posted.length; first++) {
      const outlet = posted[first]?.outlet;
      if (outlet !== undefined) this.submit(outlet, first);
    }
    posted.length = 0;
    this.bytesUsed = 0;
  }

  /** Sends all of one socket. @param first index of its first */
  private submit(outlet: Outlet, first: number): void {
    const { posted, outward, addressBytes } = this;
    const batch: Posted[] = [];
    for (let index = first; index < posted.length; index++) {
      const each = posted[index];
      if (each?.outlet !== outlet) continue;
      posted[index] = undefined;
      outward.head(batch.length, index, addressBytes[index] as number);
      batch.push(each);
    }
    let most = batch.length;
    let sent = 0;
    let again = false;
    while (sent < batch.length && outlet.isOpen) {
      const count = Math.min(most, batch.length - sent);
      const result = this.calls.send(outlet.fd, outward.headersFrom(sent), count);
      if (result > 0) {
        // One that ends part-way keeps to itself what it ended by: want of room, or on a connected socket an ICMP message, of which
        // more will come where the target is dead. One by one, none of those is lost.
        if (result < count && outlet.isConnected) most = 1;
        sent += result;
        again = false;
        continue;
      }
      const code = codeOf(result);
      if (code === "EAGAIN") {
        for (const { flow, message } of batch.slice(sent)) outlet.wait(flow, message);
        return;
      }
      const { flow, message } = batch[sent] as Posted;
      again = outlet.unsent(flow, message, code, again);
      if (!again) sent++;
    }
  }
}
