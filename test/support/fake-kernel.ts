// A kernel of sockets for what the real one can't be brought to: a full send buffer, an error at a chosen datagram. It
// reads and writes the headers (struct mmsghdr, Linux with 64 bits) by their own layout.
import { constants } from "node:os";
import type { Ready, SystemCalls } from "../../src/transport/datagrams/system-calls.ts";

const BASE = 0x7f12_ffff_f000; // the low word of addresses overflows within the memory
const HEADER_BYTES = 64;

interface Memory {
  readonly address: number;
  readonly view: DataView;
}

export interface FakeDatagram {
  readonly fd: number;
  readonly text: string;
  /** Socket address as hex; "" without one. */
  readonly to: string;
}

export interface FakePoll {
  writable: boolean;
  readonly ready: Ready;
  closed: boolean;
}

export class FakeKernel implements SystemCalls {
  readonly sent: FakeDatagram[] = [];
  /** Headers of each call. */
  readonly batches: number[] = [];
  readonly polls = new Map<number, FakePoll>();
  readonly closed: number[] = [];
  /** What comes next, by descriptor: a socket address as hex, and a text. */
  readonly inbox: { from: string; text: string }[] = [];
  /** Error number at the next receive; 0: none. */
  receiveError = 0;
  /** Decides each datagram: 0 sends it. @returns an error number */
  verdict: (datagram: FakeDatagram) => number = () => 0;
  /** By text: the error that its ICMP message leaves behind at the socket, for the next datagram to come out there. */
  readonly refused = new Map<string, number>();
  private pendingError = 0;
  private readonly memories: Memory[] = [];
  private nextAddress = BASE;

  receive(_fd: number, headers: number, count: number): number {
    if (this.receiveError !== 0) {
      const error = this.receiveError;
      this.receiveError = 0;
      return -error;
    }
    const arrived = this.inbox.splice(0, count);
    if (arrived.length === 0) return -constants.errno.EAGAIN;
    arrived.forEach(({ from, text }, index) => {
      const at = headers + index * HEADER_BYTES;
      const address = Buffer.from(from, "hex");
      if (this.word(at + 8) < address.length) throw new Error("no room for the address");
      this.bytes(this.pointer(at), address.length).set(address);
      this.write(at + 8, address.length);
      const piece = this.pointer(at + 16);
      this.bytes(this.pointer(piece), this.word(piece + 8)).set(Buffer.from(text, "latin1"));
      this.write(at + 56, text.length);
    });
    return arrived.length;
  }

  send(fd: number, headers: number, count: number): number {
    this.batches.push(count);
    for (let index = 0; index < count; index++) {
      const at = headers + index * HEADER_BYTES;
      const piece = this.pointer(at + 16);
      const addressBytes = this.word(at + 8);
      const datagram = {
        fd,
        text: Buffer.from(this.bytes(this.pointer(piece), this.word(piece + 8))).toString("latin1"),
        to: addressBytes === 0 ? "" : Buffer.from(this.bytes(this.pointer(at), addressBytes)).toString("hex"),
      };
      const error = this.pendingError || this.verdict(datagram);
      this.pendingError = 0;
      if (error !== 0) return index === 0 ? -error : index; // part-way, the error is lost
      this.sent.push(datagram);
      this.pendingError = this.refused.get(datagram.text) ?? 0;
    }
    return count;
  }

  duplicate(fd: number): number {
    return fd + 100;
  }

  close(fd: number): void {
    this.closed.push(fd);
  }

  poll(fd: number, ready: Ready) {
    const poll: FakePoll = { writable: false, ready, closed: false };
    this.polls.set(fd, poll);
    return {
      watch(writable: boolean) {
        if (poll.closed) throw new Error("a poll that is closed");
        poll.writable = writable;
      },
      close() {
        poll.closed = true;
      },
    };
  }

  allocate(bytes: number) {
    const memory = new ArrayBuffer(bytes);
    const address = this.nextAddress;
    this.memories.push({ address, view: new DataView(memory) });
    this.nextAddress += bytes + 4_096;
    return { address, memory };
  }

  private find(address: number): { view: DataView; at: number } {
    const memory = this.memories.find(
      (each) => address >= each.address && address < each.address + each.view.byteLength,
    );
    if (memory === undefined) throw new Error(`a wild pointer: ${address.toString(16)}`);
    return { view: memory.view, at: address - memory.address };
  }

  private word(address: number): number {
    const { view, at } = this.find(address);
    return view.getUint32(at, true);
  }

  private pointer(address: number): number {
    const { view, at } = this.find(address);
    return Number(view.getBigUint64(at, true));
  }

  private write(address: number, value: number): void {
    const { view, at } = this.find(address);
    view.setUint32(at, value, true);
  }

  private bytes(address: number, count: number): Uint8Array {
    const { view, at } = this.find(address);
    return new Uint8Array(view.buffer, at, count);
  }
}
