/** The timer wheel against an indexed binary heap, at 500,000 deadlines: `node test/bench/timers.ts`. Prints nanoseconds an operation. */
import { mix32 } from "../../src/sip/signing/mix.ts";
import { TimerEntry, TimerWheel } from "../../src/sip/timer/timer-wheel.ts";

const COUNT = 500_000;
const TICK_MS = 10;
const ROUNDS = 5;

interface Timers {
  /** Sets or moves the deadline of one entry. */
  schedule(index: number, at: number): void;
  cancel(index: number): void;
  advance(now: number): void;
}

class HeapEntry {
  at = 0;
  place = -1;
  readonly wake: () => void;

  constructor(wake: () => void) {
    this.wake = wake;
  }
}

/** A heap that knows where each entry stands, so that moving one costs log n and not n. */
class Heap {
  private readonly heap: HeapEntry[] = [];

  schedule(entry: HeapEntry, at: number): void {
    entry.at = at;
    if (entry.place < 0) {
      entry.place = this.heap.length;
      this.heap.push(entry);
    }
    this.up(entry);
    this.down(entry);
  }

  cancel(entry: HeapEntry): void {
    const { place } = entry;
    const last = this.heap.pop();
    entry.place = -1;
    if (last === undefined || last === entry) return;
    last.place = place;
    this.heap[place] = last;
    this.up(last);
    this.down(last);
  }

  advance(now: number): void {
    for (let first = this.heap[0]; first !== undefined && first.at <= now; first = this.heap[0]) {
      this.cancel(first);
      first.wake();
    }
  }

  private up(entry: HeapEntry): void {
    const { heap } = this;
    while (entry.place > 0) {
      const parent = heap[(entry.place - 1) >> 1];
      if (parent === undefined || parent.at <= entry.at) return;
      this.swap(entry, parent);
    }
  }

  private down(entry: HeapEntry): void {
    const { heap } = this;
    for (;;) {
      const left = heap[2 * entry.place + 1];
      const right = heap[2 * entry.place + 2];
      const child = left !== undefined && right !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= entry.at) return;
      this.swap(entry, child);
    }
  }

  private swap(a: HeapEntry, b: HeapEntry): void {
    const { place } = a;
    a.place = b.place;
    b.place = place;
    this.heap[a.place] = a;
    this.heap[b.place] = b;
  }
}

function wheelTimers(wake: () => void): Timers {
  const wheel = new TimerWheel(0, TICK_MS);
  const entries = Array.from({ length: COUNT }, () => new TimerEntry(wake));
  const at = (index: number): TimerEntry => entries[index] as TimerEntry;
  return {
    schedule: (index, time) => wheel.schedule(at(index), time),
    cancel: (index) => wheel.cancel(at(index)),
    advance: (now) => wheel.advance(now),
  };
}

function heapTimers(wake: () => void): Timers {
  const heap = new Heap();
  const entries = Array.from({ length: COUNT }, () => new HeapEntry(wake));
  const at = (index: number): HeapEntry => entries[index] as HeapEntry;
  return {
    schedule: (index, time) => heap.schedule(at(index), time),
    cancel: (index) => heap.cancel(at(index)),
    advance: (now) => heap.advance(now),
  };
}

/** Deadlines as SIP sets them, 0.5 s to 32 s from now, the same for both. */
const DEADLINES = [0, 1].map((round) =>
  Uint32Array.from({ length: COUNT }, (_, index) => 500 + (mix32(String(index), round) % 31_500)),
);

function nanoseconds(operations: number, run: () => void): number {
  const start = process.cpuUsage();
  run();
  return (process.cpuUsage(start).user * 1_000) / operations;
}

/** One life of half a million timers: [start, move, cancel, fire] in nanoseconds each. */
function live(make: (wake: () => void) => Timers): number[] {
  let fired = 0;
  const timers = make(() => {
    fired++;
  });
  const [first, second] = DEADLINES;
  if (first === undefined || second === undefined) return [];
  const setAll = (deadlines: Uint32Array): void => {
    for (let index = 0; index < COUNT; index++) timers.schedule(index, deadlines[index] ?? 0);
  };
  const start = nanoseconds(COUNT, () => setAll(first));
  const move = nanoseconds(COUNT, () => setAll(second));
  const cancel = nanoseconds(COUNT, () => {
    for (let index = 0; index < COUNT; index++) timers.cancel(index);
  });
  setAll(first);
  const fire = nanoseconds(COUNT, () => {
    for (let now = TICK_MS; now <= 32_000; now += TICK_MS) timers.advance(now);
  });
  if (fired !== COUNT) throw new Error(`${fired} fired of ${COUNT}`);
  return [start, move, cancel, fire];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

console.log(`${COUNT} deadlines, nanoseconds an operation (CPU, median of ${ROUNDS})`);
for (const [name, make] of [
  ["wheel", wheelTimers],
  ["heap", heapTimers],
] as const) {
  live(make);
  const lives = Array.from({ length: ROUNDS }, () => live(make));
  const row = ["start", "move", "cancel", "fire"].map(
    (what, column) => `${what} ${median(lives.map((one) => one[column] ?? 0)).toFixed(0)}`,
  );
  console.log(`${name.padEnd(5)} ${row.join("  ")}`);
}
