/**
 * The changes of one commit as bytes: for each the size of its key and of its text (four bytes each, big-endian), key and text in
 * UTF-8. A size of 0xffffffff says that the record has ended. The commit script and the standby read the same bytes. Pure.
 */
import { Buffer } from "node:buffer";

/** What one commit may carry: Redis runs a script to its end, and nobody else meanwhile, the lease among them. */
export const COMMIT_BYTES_MAX = 262_144;

const ENDED = 0xffff_ffff;
const HEAD_LENGTH = 8;
/** UTF-8 of one UTF-16 unit. */
const UTF8_LENGTH = 3;

export class BatchWriter {
  private readonly bytes = Buffer.allocUnsafeSlow(COMMIT_BYTES_MAX);
  private end = 0;
  private changes = 0;

  get size(): number {
    return this.end;
  }

  /** Changes in it. */
  get count(): number {
    return this.changes;
  }

  clear(): void {
    this.end = 0;
    this.changes = 0;
  }

  /** A view of what was written; it changes with the next batch. */
  written(): Buffer {
    return this.bytes.subarray(0, this.end);
  }

  /** @param text null: the record has ended. @returns false: no room, and nothing was written */
  add(key: string, text: string | null): boolean {
    const units = key.length + (text === null ? 0 : text.length);
    if (this.end + HEAD_LENGTH + units * UTF8_LENGTH > COMMIT_BYTES_MAX && !this.fits(key, text))
      return false;
    const { bytes } = this;
    const start = this.end + HEAD_LENGTH;
    const keyBytes = bytes.write(key, start, "utf8");
    const textBytes = text === null ? 0 : bytes.write(text, start + keyBytes, "utf8");
    bytes.writeUInt32BE(keyBytes, this.end);
    bytes.writeUInt32BE(text === null ? ENDED : textBytes, this.end + 4);
    this.end = start + keyBytes + textBytes;
    this.changes++;
    return true;
  }

  /** Counted exactly, as most text is one byte a unit. */
  private fits(key: string, text: string | null): boolean {
    const bytes = Buffer.byteLength(key) + (text === null ? 0 : Buffer.byteLength(text));
    return this.end + HEAD_LENGTH + bytes <= COMMIT_BYTES_MAX;
  }
}

/** @returns false where the bytes are no batch; what came before the fault has been visited */
export function readBatch(bytes: Buffer, visit: (key: string, text: string | null) => void): boolean {
  let at = 0;
  while (at + HEAD_LENGTH <= bytes.length) {
    const keyEnd = at + HEAD_LENGTH + bytes.readUInt32BE(at);
    const textBytes = bytes.readUInt32BE(at + 4);
    const end = textBytes === ENDED ? keyEnd : keyEnd + textBytes;
    if (end > bytes.length) return false;
    const key = bytes.toString("utf8", at + HEAD_LENGTH, keyEnd);
    visit(key, textBytes === ENDED ? null : bytes.toString("utf8", keyEnd, end));
    at = end;
  }
  return at === bytes.length;
}
