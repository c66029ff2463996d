/**
 * What the history is told of a takeover: at once that the node serves, so that it is known whatever happens next; and the whole of
 * it, with what was taken over, when all is restored. The two are one entry to who reads (`history.ts`).
 */
import type { HistoryEntry } from "./history.ts";

export class TakeoverAccount {
  readonly #tell: (entry: HistoryEntry) => void;
  #isRestoring = false;
  #begun: HistoryEntry | null = null;

  constructor(tell: (entry: HistoryEntry) => void) {
    this.#tell = tell;
  }

  /** Calls are armed: the takeover that is told next has its end still before it. */
  restoring(): void {
    this.#isRestoring = true;
  }

  /** Any entry, in its order. */
  tell(entry: HistoryEntry): void {
    const isTakeover = entry.what === "takeover" && entry.phases !== null;
    if (isTakeover && this.#isRestoring) this.#begun = entry;
    // A node that goes on with the calls that it has restores nothing.
    this.#tell(isTakeover && !this.#isRestoring ? { ...entry, restored: {} } : entry);
  }

  /** Not all could be restored: what was told stays. */
  cutOff(): void {
    this.#isRestoring = false;
    this.#begun = null;
  }

  /** @param ms since the calls were armed */
  restored(restored: Readonly<Record<string, number>>, ms: number): void {
    const begun = this.#begun;
    this.cutOff();
    if (begun === null) return;
    const phases = { ...begun.phases, restored: (begun.phases?.["total"] ?? 0) + ms };
    this.#tell({ ...begun, phases, restored });
  }
}
