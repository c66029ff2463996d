// The heap of the node under test, as heap-hook.ts reports it.
import { existsSync, readFileSync } from "node:fs";
import type { Edge } from "../lab/edge.ts";
import { until } from "../lab/until.ts";

const REPORT_TIMEOUT_MS = 20_000;

/** Bytes after a forced collection of garbage. */
export interface Heap {
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly rss: number;
}

function reports(file: string): Heap[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Heap);
}

/** @param file what TANDEM_SOAK_HEAP of the node names */
export async function measureHeap(edge: Edge, file: string): Promise<Heap> {
  const before = reports(file).length;
  edge.program.kill("SIGUSR2");
  return await until("the heap's size", REPORT_TIMEOUT_MS, () => reports(file)[before] ?? null);
}

/**
 * What is wrong with the heap after the soak; null: nothing.
 * @param sizes bytes at the start (after the warm-up), at half and at the end
 * @param within the allowed growth as a share of the start
 */
export function heapFault(
  sizes: readonly [start: number, half: number, end: number],
  within: number,
): string | null {
  const [start, half, end] = sizes;
  const share = (from: number, to: number): string => `${(((to - from) / start) * 100).toFixed(1)}%`;
  if (end > start * (1 + within)) return `the heap has grown by ${share(start, end)} since the start`;
  // A leak grows by the same in each half; what only fills up does so in the first.
  const step = (start * within) / 2;
  if (half - start > step && end - half > step)
    return `the heap grows by halves: ${share(start, half)}, ${share(half, end)}`;
  return null;
}
