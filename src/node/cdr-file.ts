/** Finished calls to a file of JSON lines (docs/cdr.md). No call waits for it, and no line is lost in silence. */
import type { Cdr } from "../calls/cdr.ts";
import { cdrLine } from "../calls/cdr-line.ts";
import type { Clock } from "../sip/timer/clock.ts";
import { mistakeOf, reasonOf } from "./cdr-file-error.ts";
import { CdrFileHandle, tryToOpen } from "./cdr-file-handle.ts";
import { LineBuffer } from "./line-buffer.ts";

/** How long a line waits for others, so that many calls cost one write. */
const GATHER_MS = 50;
/** More than this is worth a write of its own at once. */
const GATHER_BYTES = 32_768;
const RETRY_MS = 1_000;
const SAY_MS = 60_000;
/** A disk that hangs must not keep a node from ending. */
const CLOSE_MS = 3_000;

const NOBODY = (): void => {};

type Say = (fields: object, text: string) => void;

export interface CdrFileOptions {
  readonly file: string;
  /** Bound of what waits in memory while the file can't be written. */
  readonly bufferBytes: number;
  readonly log: { readonly info: Say; readonly warn: Say; readonly error: Say };
  readonly clock: Clock;
}

export interface CdrFileStats {
  /** Lines in the file, since the start. */
  readonly written: number;
  /** Lines that wait. */
  readonly buffered: number;
  readonly bufferedBytes: number;
  /** Lines lost, since the start. */
  readonly dropped: number;
  readonly failing: boolean;
}

/** What is wrong at the moment, from the first failure or loss until everything is written. */
interface Trouble {
  readonly since: number;
  /** Of CdrFileStats, at its start. */
  readonly droppedBefore: number;
  failing: boolean;
  losing: boolean;
  reason: string;
  saidAt: number;
}

/** One writer a file: two processes that append to one would cut each other's lines where a disk is full. */
export class CdrFile {
  private readonly options: CdrFileOptions;
  private readonly lines: LineBuffer;
  /** Who is to be told, for each line in `lines`, in their order. */
  private readonly waiting: (() => void)[] = [];
  private handle: CdrFileHandle | null = null;
  /** The work in progress; never rejects. */
  private running: Promise<void> | null = null;
  private cancelWake: (() => void) | null = null;
  private wantsReopen = false;
  private closing = false;
  private trouble: Trouble | null = null;
  private written = 0;
  private dropped = 0;

  /** @throws CdrFileError where the file can't be opened and no waiting helps; on a full disk it starts all the same */
  constructor(options: CdrFileOptions) {
    this.options = options;
    this.lines = new LineBuffer(options.bufferBytes);
    try {
      tryToOpen(options.file);
    } catch (error) {
      const mistake = mistakeOf(options.file, error);
      if (mistake !== null) throw mistake;
    }
    this.start();
  }

  get stats(): CdrFileStats {
    return {
      written: this.written,
      buffered: this.lines.lines,
      bufferedBytes: this.lines.bytes,
      dropped: this.dropped,
      failing: this.trouble?.failing ?? false,
    };
  }

  /** Takes a CDR in charge. Never throws, never waits. */
  /** @param settled called once when its line is in the file, or was dropped for want of room */
  write(cdr: Cdr, settled: () => void = NOBODY): void {
    if (this.closing) this.lost(1);
    else this.push(cdrLine(cdr), settled);
    if (this.running === null && this.cancelWake === null && !this.closing) this.wakeIn(GATHER_MS);
  }

  private push(line: string, settled: () => void): void {
    const isKept = this.lines.fits(line);
    const dropped = this.lines.push(line);
    if (dropped > 0) this.lost(dropped);
    if (isKept) this.waiting.push(settled);
    else settled();
    // The oldest are dropped, but for those that are being written.
    if (isKept && dropped > 0) for (const done of this.waiting.splice(this.lines.linesOut, dropped)) done();
  }

  /** Goes on in a new file of that name: the old one was renamed (SIGHUP). What is not written yet comes into the new one. */
  reopen(): void {
    if (this.closing) return;
    this.wantsReopen = true;
    this.start();
  }

  /** Writes what waits, if that can be done at once; what can't be is counted as lost, and said. Never rejects. */
  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    const { clock, log, file } = this.options;
    let cancel = (): void => {};
    const tooLate = new Promise<void>((resolve) => {
      cancel = clock.wakeAt(clock.now() + CLOSE_MS, resolve);
    });
    await Promise.race([this.finish(), tooLate]);
    cancel();
    const lost = this.lines.lines;
    if (lost === 0) return;
    this.dropped += lost;
    log.error(
      { file, lost, reason: this.trouble?.reason ?? "the disk is too slow" },
      "CDRs are lost: the node ends",
    );
  }

  private async finish(): Promise<void> {
    await this.running;
    this.start();
    await this.running;
    this.cancelWake?.();
    await this.dropHandle();
  }

  private wakeIn(ms: number): void {
    const { clock } = this.options;
    this.cancelWake = clock.wakeAt(clock.now() + ms, () => this.start());
  }

  private start(): void {
    if (this.running !== null) return;
    this.cancelWake?.();
    this.cancelWake = null;
    this.running = this.work().then((waitMs) => {
      this.running = null;
      if (this.wantsReopen) this.start();
      else if (waitMs > 0 && !this.closing) this.wakeIn(waitMs);
    });
  }

  /** Writes until little is left. Never rejects. @returns when to come again; 0: with the next line */
  private async work(): Promise<number> {
    try {
      do {
        await this.ready();
        await this.writeBatch();
      } while (this.wantsReopen || this.lines.bytes > (this.closing ? 0 : GATHER_BYTES));
      this.wentWell();
      return this.lines.lines > 0 ? GATHER_MS : 0;
    } catch (error) {
      await this.dropHandle();
      this.wentWrong(error);
      return RETRY_MS;
    }
  }

  /** Has the right file open. */
  private async ready(): Promise<void> {
    if (this.wantsReopen) await this.dropHandle();
    if (this.handle !== null) return;
    const { file, log } = this.options;
    const reopened = this.wantsReopen;
    this.wantsReopen = false;
    const handle = await CdrFileHandle.open(file);
    this.handle = handle;
    if (reopened) log.info({ file }, "CDR file opened anew");
    if (handle.cutBytes > 0)
      log.warn({ file, bytes: handle.cutBytes }, "cut half a line off the end of the CDR file");
  }

  private async writeBatch(): Promise<void> {
    const { handle } = this;
    const batch = handle === null ? null : this.lines.take();
    if (handle === null || batch === null) return;
    const { written, deleted, failure } = await handle.append(batch);
    const whole = this.lines.done(written);
    this.written += whole.lines;
    for (const settled of this.waiting.splice(0, whole.lines)) settled();
    if (deleted) {
      this.options.log.warn({ file: this.options.file }, "the CDR file was deleted: going on in a new one");
      this.wantsReopen = true;
    }
    if (written > whole.bytes) await handle.cut(written - whole.bytes);
    if (failure !== null) throw failure;
  }

  /** Closed after each failure, too: a deleted file that is held open would keep its room on the full disk. */
  private async dropHandle(): Promise<void> {
    const { handle } = this;
    this.handle = null;
    try {
      await handle?.close();
    } catch (error) {
      this.options.log.warn(
        { file: this.options.file, reason: reasonOf(error) },
        "closing the CDR file failed",
      );
    }
  }

  private wentWrong(error: unknown): void {
    const trouble = this.troubled();
    trouble.reason = reasonOf(error);
    if (trouble.failing) {
      this.sayAgain(trouble);
    } else {
      trouble.failing = true;
      this.say(trouble, "CDRs can't be written and wait in memory");
    }
  }

  private lost(lines: number): void {
    const trouble = this.troubled();
    this.dropped += lines;
    if (trouble.losing) {
      this.sayAgain(trouble);
    } else {
      trouble.losing = true;
      this.say(trouble, "CDRs are being lost");
    }
  }

  private wentWell(): void {
    const { trouble } = this;
    if (trouble === null || this.closing) return;
    this.trouble = null;
    const { file, log, clock } = this.options;
    const seconds = Math.round((clock.now() - trouble.since) / 1_000);
    log.info({ file, seconds, lost: this.dropped - trouble.droppedBefore }, "CDRs are written again");
  }

  private troubled(): Trouble {
    const now = this.options.clock.now();
    const reason = this.closing ? "the node ends" : "the disk is too slow";
    this.trouble ??= {
      since: now,
      droppedBefore: this.dropped,
      failing: false,
      losing: false,
      reason,
      saidAt: now,
    };
    return this.trouble;
  }

  private sayAgain(trouble: Trouble): void {
    if (this.options.clock.now() - trouble.saidAt < SAY_MS) return;
    this.say(trouble, trouble.losing ? "CDRs are still being lost" : "CDRs still can't be written");
  }

  private say(trouble: Trouble, text: string): void {
    const { file, log, clock } = this.options;
    const { buffered, bufferedBytes } = this.stats;
    trouble.saidAt = clock.now();
    const lost = this.dropped - trouble.droppedBefore;
    log.error({ file, reason: trouble.reason, buffered, bufferedBytes, lost }, text);
  }
}
