// What the demo prints. Every figure is counted on the wire between the hosts, by the CallBook, not told by the edge; the
// caller's own statistics are the second witness.
import { answeringPbx, type CallBook, percentile, type TracedCall, wasMoved } from "./sip-trace.ts";
import type { SippStatistics } from "./sipp-statistics.ts";

interface Counts {
  offered: number;
  answered: number;
  byPbx1: number;
  byPbx2: number;
  moved: number;
  /** Got a final answer other than 200. */
  refused: number;
}

const COLUMNS = ["offered", "answered", "by PBX 1", "by PBX 2", "moved", "lost"] as const;
const COLUMN_WIDTH = 10;
const LABEL_WIDTH = 40;

function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

function isAnswered(call: TracedCall): boolean {
  return call.finalStatus >= 200 && call.finalStatus < 300;
}

export class DemoReport {
  readonly #book: CallBook;
  readonly #pbx1: string;
  readonly #pbx2: string;
  /** Call-IDs that talked on PBX 1 when it was killed. */
  #orphans: string[] = [];

  constructor(book: CallBook, pbxs: { pbx1: string; pbx2: string }) {
    this.#book = book;
    this.#pbx1 = pbxs.pbx1;
    this.#pbx2 = pbxs.pbx2;
  }

  title(plan: { caller: string; edge: string; rate: number; offerS: number }): void {
    print();
    print("Act 1 of 2: two PBXs behind one Tandem node, one of the PBXs dies under load");
    print();
    print(`                                                    +--> PBX 1  ${this.#pbx1}`);
    print(`   caller  ${plan.caller}  -->  Tandem  ${plan.edge}  --+`);
    print(`                                                    +--> PBX 2  ${this.#pbx2}`);
    print();
    print(
      `   ${plan.rate} calls a second for ${plan.offerS} seconds, real SIP made by SIPp, each host a network namespace.`,
    );
    print();
  }

  heading(): void {
    print(`   time${COLUMNS.map((column) => column.padStart(COLUMN_WIDTH)).join("")}`);
  }

  progress(second: number, statistics: SippStatistics | null): void {
    const { offered, answered, byPbx1, byPbx2, moved, refused } = this.#count();
    const lost = Math.max(refused, (statistics?.failed ?? 0) + (statistics?.counters["gaveup"] ?? 0));
    const cells = [offered, answered, byPbx1, byPbx2, moved, lost];
    print(`${`${second} s`.padStart(7)}${cells.map((cell) => `${cell}`.padStart(COLUMN_WIDTH)).join("")}`);
  }

  /** Call it when PBX 1 has just died: notes which calls go down with it. */
  killed(second: number): void {
    this.#orphans = this.#book
      .list()
      .filter((call) => isAnswered(call) && answeringPbx(call) === this.#pbx1 && call.byeStatus === 0)
      .map((call) => call.callId);
    this.#event(second, "PBX 1 killed (kill -9)");
  }

  returned(second: number): void {
    this.#event(second, "PBX 1 is back");
  }

  /**
   * Prints the closing table.
   * @param outcome.ended the caller ended by itself, in time
   * @returns true when no call was lost and the caller's count agrees
   */
  close(outcome: {
    statistics: SippStatistics | null;
    ended: boolean;
    complaints: readonly string[];
  }): boolean {
    const counts = this.#count();
    const calls = this.#book.list();
    const waits = calls.filter(isAnswered).map((call) => (call.finalAt ?? 0) - call.offeredAt);
    const lost = counts.offered - counts.answered;
    const offeredBySipp = outcome.statistics?.offered ?? 0;
    const answeredBySipp = outcome.statistics?.counters["answered"] ?? 0;
    print();
    this.#row("calls offered", counts.offered);
    this.#row("answered", counts.answered, `PBX 1: ${counts.byPbx1}, PBX 2: ${counts.byPbx2}`);
    this.#row("moved to the other PBX", counts.moved, "sent to a dead PBX, answered by the other one");
    this.#row("lost", lost, "not answered, or refused before an answer");
    print();
    const [median, p99, worst] = [50, 99, 100].map((p) => `${percentile(waits, p).toFixed(1)} ms`);
    print(`   From INVITE to answer: median ${median}, p99 ${p99}, longest ${worst}.`);
    this.#closeOrphans();
    const agree = offeredBySipp === counts.offered && answeredBySipp === counts.answered;
    if (!agree)
      print(
        `   The caller itself counted ${offeredBySipp} offered and ${answeredBySipp} answered: no agreement.`,
      );
    if (!outcome.ended) print("   The caller did not come to its end in time and was stopped.");
    for (const complaint of outcome.complaints.slice(0, 10)) print(`   edge: ${complaint}`);
    const good = lost === 0 && counts.offered > 0 && agree && outcome.ended;
    print();
    print(good ? "   Not one caller was turned away." : "   This act FAILED.");
    print();
    return good;
  }

  #closeOrphans(): void {
    const endings = new Map<number, number>();
    for (const callId of this.#orphans) {
      const status = this.#book.calls.get(callId)?.byeStatus ?? 0;
      endings.set(status, (endings.get(status) ?? 0) + 1);
    }
    const answers = [...endings].map(
      ([status, count]) => `${count} x ${status === 0 ? "no answer" : status}`,
    );
    print(
      `   ${this.#orphans.length} calls were talking on PBX 1 when it was killed; they ended with it, which no proxy can`,
    );
    print(
      `   change, and are counted as answered above. Answers to their BYE: ${answers.join(", ") || "none"}.`,
    );
  }

  #count(): Counts {
    const counts: Counts = { offered: 0, answered: 0, byPbx1: 0, byPbx2: 0, moved: 0, refused: 0 };
    for (const call of this.#book.calls.values()) {
      counts.offered += 1;
      if (isAnswered(call)) {
        counts.answered += 1;
        if (answeringPbx(call) === this.#pbx1) counts.byPbx1 += 1;
        else counts.byPbx2 += 1;
        if (wasMoved(call)) counts.moved += 1;
      } else if (call.finalStatus !== 0) counts.refused += 1;
    }
    return counts;
  }

  #event(second: number, text: string): void {
    print(`${`${second} s`.padStart(7)}  ---- ${text} ${"-".repeat(LABEL_WIDTH - text.length)}----`);
  }

  #row(label: string, value: number, remark = ""): void {
    print(`   ${label.padEnd(28)}${`${value}`.padStart(6)}${remark === "" ? "" : `   ${remark}`}`);
  }
}
