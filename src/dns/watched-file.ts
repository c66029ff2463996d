/** A small file of the system that others may change while we run: read again when it has, and never waited for. */
import { readFileSync, statSync } from "node:fs";

/** Looked at no more often than this. */
const LOOK_EVERY_MS = 1_000;

export class WatchedFile<T> {
  readonly path: string;
  readonly #parse: (text: string) => T;
  readonly #now: () => number;
  #stamp = "";
  #value: T;
  #lookedAt: number;

  /** @param parse takes any text and never throws; a file that can't be read counts as an empty one */
  constructor(path: string, { parse, now }: { parse: (text: string) => T; now: () => number }) {
    this.path = path;
    this.#parse = parse;
    this.#now = now;
    this.#stamp = stampOf(path);
    this.#value = parse(textOf(path));
    this.#lookedAt = now();
  }

  get value(): T {
    const now = this.#now();
    if (now - this.#lookedAt < LOOK_EVERY_MS) return this.#value;
    this.#lookedAt = now;
    const stamp = stampOf(this.path);
    if (stamp === this.#stamp) return this.#value;
    this.#stamp = stamp;
    this.#value = this.#parse(textOf(this.path));
    return this.#value;
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // not there, or not for us: the same as a file that says nothing
  }
}
