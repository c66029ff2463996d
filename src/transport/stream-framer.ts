// Cuts a stream of bytes into SIP messages (RFC 3261 sections 7.5 and 18.3; keep-alive of RFC 5626 section 4.4.1).
// Bytes in, messages out: no socket, no clock. Where the network splits the stream changes nothing.
import { isIn, TOKEN } from "../sip/header/character.ts";
import { ABSENT, BAD, readContentLength } from "./content-length.ts";
import type { DropReason } from "./flow.ts";

export interface FrameLimits {
  /** Largest header section, with its empty line. */
  readonly headBytes: number;
  /** Largest message, head and body. */
  readonly messageBytes: number;
}

/** After a fault nothing more is read: a stream can't be resynchronised. */
export type FrameFault = Extract<
  DropReason,
  | "stream-head-too-large"
  | "stream-body-too-large"
  | "stream-no-content-length"
  | "stream-bad-content-length"
  | "stream-not-sip"
>;

export interface Frames {
  /** Whole messages, latin1, in order. */
  readonly messages: string[];
  /** CRLF CRLF between messages: each wants one CRLF back. */
  pings: number;
  /** Why the stream ends here; null: it goes on. */
  fault: FrameFault | null;
  /** With a fault: the complete head with its lying Content-Length, for the parser to refuse with 400; "" where there is none. */
  refusedHead: string;
}

const HEAD_END = Buffer.from("\r\n\r\n", "latin1");
const CR = 13;
const LF = 10;
const STORE_BYTES_MIN = 2_048;
const NOTHING = Buffer.alloc(0);

export class StreamFramer {
  private readonly limits: FrameLimits;
  /** The incomplete message from its first byte on; only the first `heldBytes` count. Grows with what came, not with what was promised. */
  private store: Buffer = NOTHING;
  private heldBytes = 0;
  /** Bytes of the incomplete message in which no end of the head begins. */
  private searchedBytes = 0;
  /** Length of the incomplete message; 0: its head is not complete. */
  private wholeBytes = 0;
  /** Bytes of CRLF CRLF matched between messages, 0 to 3. */
  private pingBytes = 0;
  private failed = false;

  constructor(limits: FrameLimits) {
    this.limits = limits;
  }

  /** Bytes of a message that is not complete; 0 between messages. */
  get incompleteBytes(): number {
    return this.heldBytes;
  }

  /** Takes what the stream brought. The chunk is not kept. After a fault everything is ignored. */
  push(chunk: Buffer): Frames {
    const frames: Frames = { messages: [], pings: 0, fault: null, refusedHead: "" };
    if (this.failed) return frames;
    const continues = this.heldBytes > 0;
    const bytes = continues ? this.append(chunk) : chunk;
    let at = 0;
    if (!continues) at = this.skipLineEnds(bytes, at, frames);
    while (at < bytes.length && frames.fault === null) {
      const end = this.takeMessage(bytes, at, frames);
      if (end < 0) break;
      at = this.skipLineEnds(bytes, end, frames);
    }
    if (frames.fault === null) this.hold(bytes, at);
    else {
      this.failed = true;
      this.store = NOTHING;
      this.heldBytes = 0;
    }
    return frames;
  }

  /** CRLFs before a start line are no part of it (RFC 3261 section 7.5). A lone CR or LF is forgiven. */
  private skipLineEnds(bytes: Buffer, at: number, frames: Frames): number {
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte !== CR && byte !== LF) {
        this.pingBytes = 0;
        return at;
      }
      const isNext = byte === (this.pingBytes % 2 === 0 ? CR : LF);
      this.pingBytes = isNext ? this.pingBytes + 1 : byte === CR ? 1 : 0;
      if (this.pingBytes === HEAD_END.length) {
        this.pingBytes = 0;
        frames.pings++;
      }
    }
    return at;
  }

  /** @returns the index after the message that begins at `at`; -1 where it is incomplete or there is a fault */
  private takeMessage(bytes: Buffer, at: number, frames: Frames): number {
    if (this.wholeBytes === 0 && !this.readHead(bytes, at, frames)) return -1;
    if (bytes.length - at < this.wholeBytes) return -1;
    const end = at + this.wholeBytes;
    frames.messages.push(bytes.toString("latin1", at, end));
    this.wholeBytes = 0;
    this.searchedBytes = 0;
    return end;
  }

  /** Learns `wholeBytes`. @returns false where the head is incomplete or there is a fault */
  private readHead(bytes: Buffer, at: number, frames: Frames): boolean {
    if (!isIn(TOKEN, bytes[at] ?? 0)) return fail(frames, "stream-not-sip"); // TLS on the wrong port, say
    const available = bytes.length - at;
    const headEnd = bytes.indexOf(HEAD_END, at + this.searchedBytes);
    const headBytes = headEnd < 0 ? Number.POSITIVE_INFINITY : headEnd + HEAD_END.length - at;
    if (headBytes > this.limits.headBytes && available >= this.limits.headBytes) {
      return fail(frames, "stream-head-too-large");
    }
    if (headEnd < 0) {
      this.searchedBytes = Math.max(0, available - HEAD_END.length + 1);
      return false;
    }
    const head = bytes.toString("latin1", at, at + headBytes);
    const bodyBytes = readContentLength(head);
    if (bodyBytes === ABSENT) return fail(frames, "stream-no-content-length");
    if (bodyBytes === BAD) return fail(frames, "stream-bad-content-length", head);
    if (headBytes + bodyBytes > this.limits.messageBytes) return fail(frames, "stream-body-too-large", head);
    this.wholeBytes = headBytes + bodyBytes;
    return true;
  }

  /** @returns what is held and the chunk after it, in one piece */
  private append(chunk: Buffer): Buffer {
    const total = this.heldBytes + chunk.length;
    if (total > this.store.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(total, 2 * this.store.length, STORE_BYTES_MIN));
      this.store.copy(grown, 0, 0, this.heldBytes);
      this.store = grown;
    }
    chunk.copy(this.store, this.heldBytes);
    return this.store.subarray(0, total);
  }

  /** Keeps what lies behind `at`. */
  private hold(bytes: Buffer, at: number): void {
    const left = bytes.length - at;
    if (left === 0) this.store = NOTHING;
    else if (bytes.buffer === this.store.buffer) {
      if (at > 0) this.store.copyWithin(0, at, bytes.length);
    } else {
      this.store = Buffer.allocUnsafeSlow(Math.max(left, STORE_BYTES_MIN));
      bytes.copy(this.store, 0, at);
    }
    this.heldBytes = left;
  }
}

function fail(frames: Frames, fault: FrameFault, refusedHead = ""): false {
  frames.fault = fault;
  frames.refusedHead = refusedHead;
  return false;
}
