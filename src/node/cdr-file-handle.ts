/** The open CDR file. Only whole lines stay in it, whatever the disk does. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { promisify } from "node:util";

const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fstat = promisify(fs.fstat);
const ftruncate = promisify(fs.ftruncate);

/** Read, too: the end of a file that is there already is looked at. */
const FLAGS = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_APPEND;
/** A CDR says who called whom: not for everybody. */
const MODE = 0o640;
/** Longer than any line of ours: a message, which may take 64 KB, has its texts in it only a few times. */
const TORN_BYTES_MAX = 1_048_576;
const LINE_FEED = 0x0a;
/** How each of our lines begins. */
const OUR_START = '{"id":';

/** How much of a batch is in the file now, and what kept the rest out of it. */
export interface Appended {
  /** Bytes, lines cut in two among them; 0 where the file was deleted. */
  readonly written: number;
  readonly deleted: boolean;
  readonly failure: unknown;
}

export class CdrFileHandle {
  private readonly fd: number;
  /** Bytes of a half line that were cut off when the file was opened: a node was killed as it wrote them. */
  readonly cutBytes: number;

  private constructor(fd: number, cutBytes: number) {
    this.fd = fd;
    this.cutBytes = cutBytes;
  }

  /** Opens the file, or makes it, with its end at the start of a line. @throws the system's error */
  static async open(file: string): Promise<CdrFileHandle> {
    const fd = await open(file, FLAGS, MODE);
    try {
      const stats = await fstat(fd);
      assertFile(stats);
      return new CdrFileHandle(fd, stats.isFile() ? await mendEnd(fd, stats.size) : 0);
    } catch (error) {
      await close(fd);
      throw error;
    }
  }

  /** Appends as much as there is room for; what is missing is for the caller to write again. Never rejects. */
  async append(bytes: Buffer): Promise<Appended> {
    let written = 0;
    try {
      while (written < bytes.length) {
        const result = await write(this.fd, bytes, written, bytes.length - written, null);
        if (result.bytesWritten === 0) throw new Error("the system wrote nothing");
        written += result.bytesWritten;
      }
      // Asked afterwards, so that what went into a deleted file is known and can be written to the next.
      const deleted = (await fstat(this.fd)).nlink === 0;
      return { written: deleted ? 0 : written, deleted, failure: null };
    } catch (failure) {
      return { written, deleted: false, failure };
    }
  }

  /** Takes the last bytes away: the beginning of a line for whose end there was no room. @throws the system's error */
  async cut(bytes: number): Promise<void> {
    const stats = await fstat(this.fd);
    if (stats.isFile()) await ftruncate(this.fd, Math.max(0, stats.size - bytes));
  }

  async close(): Promise<void> {
    await close(this.fd);
  }
}

/** Opens and closes it, so that the start can say at once what no waiting mends. @throws the system's error */
export function tryToOpen(file: string): void {
  const fd = fs.openSync(file, FLAGS, MODE);
  try {
    assertFile(fs.fstatSync(fd));
  } finally {
    fs.closeSync(fd);
  }
}

/** A device is good, /dev/null among them. A pipe is not: it can't be cut, and stands still with its reader. */
function assertFile(stats: fs.Stats): void {
  if (stats.isFile() || stats.isCharacterDevice()) return;
  throw Object.assign(new Error("neither a file nor a device"), { code: "ENXIO" });
}

/** @returns how many bytes of a half line it cut off */
async function mendEnd(fd: number, size: number): Promise<number> {
  if (size === 0 || (await readAt(fd, size - 1, 1))[0] === LINE_FEED) return 0;
  const end = await readAt(fd, Math.max(0, size - TORN_BYTES_MAX), Math.min(size, TORN_BYTES_MAX));
  const torn = end.subarray(end.lastIndexOf(LINE_FEED) + 1);
  const start = torn.toString("latin1", 0, OUR_START.length);
  if (start === OUR_START.slice(0, start.length)) {
    try {
      await ftruncate(fd, size - torn.length);
      return torn.length;
    } catch {
      // A file that may only be appended to (chattr +a): the half line stays, and ends here.
    }
  }
  await write(fd, Buffer.of(LINE_FEED));
  return 0;
}

async function readAt(fd: number, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await read(fd, Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
