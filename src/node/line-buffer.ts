/** Lines that wait for the disk: a bounded queue of bytes that drops its oldest lines when it is full. */
import { Buffer } from "node:buffer";

/** What is handed out at once; a larger one makes no write to a disk cheaper. */
const CHUNK_BYTES = 65_536;
/** A chunk is at most this part of the whole, as the one that is being written can't be dropped. */
const CHUNKS_MIN = 4;
/** A UTF-16 code unit takes at most three bytes of UTF-8. */
const UNIT_BYTES_MAX = 3;
const LINE_FEED = 0x0a;

interface Chunk {
  readonly bytes: Buffer;
  /** The part with lines in it; `lines` of them, each with its line feed. */
  start: number;
  end: number;
  lines: number;
}

/** At most one batch is out at a time: `take`, then `done`. */
export class LineBuffer {
  private readonly bytesMax: number;
  private readonly chunkBytes: number;
  private readonly chunks: Chunk[] = [];
  private out: Chunk | null = null;
  private spare: Buffer | null = null;
  private totalBytes = 0;
  private totalLines = 0;

  /** @param bytesMax bound of all lines together, the batch that is out among them */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
    this.chunkBytes = Math.min(CHUNK_BYTES, Math.ceil(bytesMax / CHUNKS_MIN));
  }

  get lines(): number {
    return this.totalLines;
  }

  /** Those of the batch that is out. */
  get linesOut(): number {
    return this.out?.lines ?? 0;
  }

  get bytes(): number {
    return this.totalBytes;
  }

  /** Is there room for a line at all? */
  fits(line: string): boolean {
    return line.length * UNIT_BYTES_MAX < this.bytesMax || Buffer.byteLength(line) < this.bytesMax;
  }

  /**
   * Adds a line.
   * @param line without its line feed
   * @returns how many lines were dropped for it: the oldest that are not out; the line itself where it alone is too long
   */
  push(line: string): number {
    let room = line.length * UNIT_BYTES_MAX + 1;
    if (room > this.chunkBytes / CHUNKS_MIN) room = Buffer.byteLength(line) + 1; // a guess would waste too much
    if (room > this.bytesMax) return 1;
    const chunk = this.chunkFor(room);
    const size = chunk.bytes.write(line, chunk.end) + 1;
    chunk.bytes[chunk.end + size - 1] = LINE_FEED;
    chunk.end += size;
    chunk.lines++;
    this.totalBytes += size;
    this.totalLines++;
    let dropped = 0;
    while (this.totalBytes > this.bytesMax) {
      this.dropOldest();
      dropped++;
    }
    return dropped;
  }

  /** The oldest lines, about 64 KB of them; null: there are none. They stay counted until they are {@link done}. */
  take(): Buffer | null {
    const chunk = this.chunks.shift();
    if (chunk === undefined) return null;
    this.out = chunk;
    return chunk.bytes.subarray(chunk.start, chunk.end);
  }

  /**
   * The batch is back: of its first `bytes` bytes the whole lines are done with, the rest goes to the front again.
   * @returns where the last of those lines ended, and how many they were
   */
  done(bytes: number): { readonly bytes: number; readonly lines: number } {
    const chunk = this.out;
    if (chunk === null) return { bytes: 0, lines: 0 };
    this.out = null;
    const first = chunk.start;
    let lines = 0;
    if (bytes >= chunk.end - first) {
      lines = chunk.lines;
      chunk.start = chunk.end;
    } else {
      const written = chunk.bytes.subarray(0, first + bytes);
      for (let at = lineEnd(written, chunk.start); at > 0; at = lineEnd(written, at)) {
        chunk.start = at;
        lines++;
      }
    }
    chunk.lines -= lines;
    this.totalLines -= lines;
    this.totalBytes -= chunk.start - first;
    if (chunk.lines > 0) this.chunks.unshift(chunk);
    else this.release(chunk);
    return { bytes: chunk.start - first, lines };
  }

  private chunkFor(bytes: number): Chunk {
    const last = this.chunks[this.chunks.length - 1];
    if (last !== undefined && last.bytes.length - last.end >= bytes) return last;
    const spare = this.spare !== null && this.spare.length >= bytes ? this.spare : null;
    if (spare !== null) this.spare = null;
    const chunk = {
      bytes: spare ?? Buffer.allocUnsafeSlow(Math.max(this.chunkBytes, bytes)),
      start: 0,
      end: 0,
      lines: 0,
    };
    this.chunks.push(chunk);
    return chunk;
  }

  private dropOldest(): void {
    const chunk = this.chunks[0];
    if (chunk === undefined) return;
    const end = lineEnd(chunk.bytes, chunk.start);
    this.totalBytes -= end - chunk.start;
    this.totalLines--;
    chunk.start = end;
    chunk.lines--;
    if (chunk.lines > 0) return;
    this.chunks.shift();
    this.release(chunk);
  }

  /** One chunk is kept, so that the steady state allocates none. */
  private release(chunk: Chunk): void {
    if (chunk.bytes.length === this.chunkBytes) this.spare = chunk.bytes;
  }
}

/** Just past the next line feed; 0: there is none. */
function lineEnd(bytes: Buffer, from: number): number {
  return bytes.indexOf(LINE_FEED, from) + 1;
}
