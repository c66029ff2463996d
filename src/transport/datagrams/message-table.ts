// What recvmmsg(2) and sendmmsg(2) are given: headers (struct mmsghdr of Linux with 64 bits), each with a socket address
// and one piece (struct iovec) of the memory that the messages lie in.
import { ADDRESS_WORDS } from "./socket-address.ts";
import type { SystemCalls } from "./system-calls.ts";

const WORD = 4; // bytes
const ADDRESS_ROOM = 28; // bytes

// In 32-bit words.
const HEADER_WORDS = 16;
const NAME = 0;
const NAME_LENGTH = 2;
const PIECES = 4;
const PIECE_COUNT = 6;
const RECEIVED_LENGTH = 14;
const PIECE_WORDS = 4;
const PIECE_LENGTH = 2;

export class MessageTable {
  /** What the messages lie in. */
  readonly data: Buffer;
  /** Headers, addresses and pieces. */
  readonly words: Uint32Array;
  private readonly base: number;
  private readonly addressesAt: number;
  private readonly piecesAt: number;
  private readonly dataAt: number;

  /** @param count messages at most @param dataBytes for all of them */
  constructor(calls: SystemCalls, count: number, dataBytes: number) {
    this.addressesAt = count * HEADER_WORDS;
    this.piecesAt = this.addressesAt + count * ADDRESS_WORDS;
    this.dataAt = this.piecesAt + count * PIECE_WORDS;
    const { address, memory } = calls.allocate(this.dataAt * WORD + dataBytes);
    this.base = address;
    this.words = new Uint32Array(memory, 0, this.dataAt);
    this.data = Buffer.from(memory, this.dataAt * WORD, dataBytes);
    for (let header = 0; header < count; header++) this.words[header * HEADER_WORDS + PIECE_COUNT] = 1;
  }

  /** Where header `header` and those behind it lie, for the system. */
  headersFrom(header: number): number {
    return this.base + header * HEADER_WORDS * WORD;
  }

  /** Where in `words` the address of message `index` is. */
  addressAt(index: number): number {
    return this.addressesAt + index * ADDRESS_WORDS;
  }

  /** Message `index` lies at `offset` of the data. */
  place(index: number, offset: number, bytes: number): void {
    const at = this.piecesAt + index * PIECE_WORDS;
    this.point(at, this.dataAt * WORD + offset);
    this.words[at + PIECE_LENGTH] = bytes;
  }

  /** Lets a header be of message `index`. @param addressBytes 0: without an address, as for a connected socket */
  head(header: number, index: number, addressBytes: number): void {
    const at = header * HEADER_WORDS;
    if (addressBytes === 0) this.words[at + NAME] = this.words[at + NAME + 1] = 0;
    else this.point(at + NAME, this.addressAt(index) * WORD);
    this.words[at + NAME_LENGTH] = addressBytes;
    this.point(at + PIECES, (this.piecesAt + index * PIECE_WORDS) * WORD);
  }

  /** Gives headers room for any address again, as the system notes in it what it has used. */
  makeRoom(count: number): void {
    for (let header = 0; header < count; header++)
      this.words[header * HEADER_WORDS + NAME_LENGTH] = ADDRESS_ROOM;
  }

  /** Bytes that were received by a header. */
  received(header: number): number {
    return this.words[header * HEADER_WORDS + RECEIVED_LENGTH] as number;
  }

  /** Writes a pointer. */
  private point(at: number, offset: number): void {
    const address = this.base + offset;
    this.words[at] = address; // modulo 2^32
    this.words[at + 1] = address / 0x1_0000_0000;
  }
}
