// A CDR file under test: where it is, what it says, and what is in it.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CdrFile } from "../../../src/node/cdr-file.ts";
import { SystemClock } from "../../../src/node/system-clock.ts";
import type { Clock } from "../../../src/sip/timer/clock.ts";
import { until } from "../../lab/until.ts";
import { numberedCdr } from "../../support/cdrs.ts";

const WRITTEN_WITHIN_MS = 5_000;

interface Said {
  readonly level: "info" | "warn" | "error";
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One CdrFile at work, with the real clock. */
export class CdrBook implements AsyncDisposable {
  readonly file: string;
  readonly cdrs: CdrFile;
  readonly said: Said[] = [];
  readonly #stopClock: () => void;
  #next = 0;

  /** @param clock in place of the real one */
  constructor(file: string, bufferBytes = 8_388_608, clock?: Clock) {
    this.file = file;
    const real = new SystemClock();
    this.#stopClock = () => real.stop();
    const say = (level: Said["level"]) => (fields: object, text: string) => {
      this.said.push({ level, text, fields: fields as Said["fields"] });
    };
    const log = { info: say("info"), warn: say("warn"), error: say("error") };
    try {
      this.cdrs = new CdrFile({ file, bufferBytes, log, clock: clock ?? real });
    } catch (error) {
      this.#stopClock();
      throw error;
    }
  }

  /** Writes so many more, numbered through. */
  write(count: number): void {
    for (let index = 0; index < count; index++) this.cdrs.write(numberedCdr(this.#next++));
  }

  /** Until all that was given to it is in the file or lost. */
  async settled(): Promise<void> {
    await this.until("all to be written", () => this.cdrs.stats.buffered === 0 && !this.cdrs.stats.failing);
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    const state = (): string => JSON.stringify({ stats: this.cdrs.stats, said: this.said });
    await until(what, WRITTEN_WITHIN_MS, () => isSo() || null, state);
  }

  /** Its lines of one text. */
  saidOf(text: string): Said[] {
    return this.said.filter((line) => line.text === text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cdrs.close();
    this.#stopClock();
  }
}

/** Numbers of the CDRs in some files, in order. @throws where a line is not whole */
export function numbersIn(...files: string[]): number[] {
  return files.flatMap((file) => {
    const lines = readFileSync(file, "utf8").split("\n");
    if (lines.pop() !== "") throw new Error(`${file} ends in half a line`);
    return lines.map((line) => Number((JSON.parse(line) as { id: string }).id.replace("cdr-", "")));
  });
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** A clock that stands still until a test moves it. */
export class HandClock implements Clock {
  #now = 0;
  readonly #wakes = new Set<{ readonly at: number; readonly wake: () => void }>();

  now(): number {
    return this.#now;
  }

  wakeAt(at: number, wake: () => void): () => void {
    const entry = { at, wake };
    this.#wakes.add(entry);
    return () => this.#wakes.delete(entry);
  }

  /** Is anything to come? */
  get waiting(): boolean {
    return this.#wakes.size > 0;
  }

  /** Goes on by so much, and wakes what is due. */
  pass(ms: number): void {
    this.#now += ms;
    for (const entry of this.#wakes) {
      if (entry.at > this.#now) continue;
      this.#wakes.delete(entry);
      entry.wake();
    }
  }
}

/** A directory for one test. */
export class TestDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "tandem-cdr-"));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
