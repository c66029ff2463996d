// A node under load as a model: calls that come, work that they make, a queue in the kernel. It is what the control law is tried on.
import { AT_EASE, nextState, type OverloadOptions } from "../../src/node/overload.ts";
import { Random } from "../fuzz/random.ts";

const LOOK_MS = 100;
/** What the kernel counts for a datagram, its own bookkeeping included. */
const DATAGRAM_BYTES = 2_304;
/** An ACK and a BYE follow the answer. */
const ACK_AFTER_MS = 4;
const BYE_AFTER_MS = 100;

export interface Plant {
  /** Processor time of a call from INVITE to BYE, and of one that is refused, its ACK included. */
  readonly callUs: number;
  readonly refusedUs: number;
  /** Bytes that the kernel keeps; what comes when it is full is lost. */
  readonly bufferBytes: number;
  /** Time that the loop stands still at random, once a second. */
  readonly pauseMs: number;
}

export interface PlantRun {
  /** Calls completed a second, by second. */
  readonly completed: readonly number[];
  /** Level at each look. */
  readonly levels: readonly number[];
  /** Most bytes in the queue, by second. */
  readonly queueBytes: readonly number[];
  readonly lost: number;
}

type Piece = "invite" | "ack" | "bye" | "ack of a refusal";

/** Offers so many calls in each second, and lets the law look. Work is done first come, first served. */
export function runPlant(
  plant: Plant,
  { offered, bounds, seed }: { offered: readonly number[]; bounds: OverloadOptions; seed: number },
): PlantRun {
  const random = new Random(seed);
  const queue: Piece[] = [];
  const due = new Map<number, Piece[]>();
  const levels: number[] = [];
  const completed = offered.map(() => 0);
  const queueBytes = offered.map(() => 0);
  let head = 0;
  let lost = 0;
  let owedUs = 0;
  let busyUs = 0;
  let state = AT_EASE;
  let pausedUntil = -1;
  let lookDue = LOOK_MS;
  let looked = 0;
  const waiting = (): number => (queue.length - head) * DATAGRAM_BYTES;
  const arrive = (piece: Piece): void => {
    if (waiting() >= plant.bufferBytes) lost++;
    else queue.push(piece);
  };
  const later = (at: number, piece: Piece): void => {
    const list = due.get(at);
    if (list === undefined) due.set(at, [piece]);
    else list.push(piece);
  };
  const work = (piece: Piece, now: number): number => {
    switch (piece) {
      case "invite":
        if (random.below(1_000) < state.level * 1_000) {
          later(now + 1, "ack of a refusal");
          return plant.refusedUs / 2;
        }
        later(now + ACK_AFTER_MS, "ack");
        return plant.callUs * 0.6;
      case "ack":
        later(now + BYE_AFTER_MS, "bye");
        return plant.callUs * 0.1;
      case "bye":
        completed[Math.floor(now / 1_000)] = (completed[Math.floor(now / 1_000)] ?? 0) + 1;
        return plant.callUs * 0.3;
      case "ack of a refusal":
        return plant.refusedUs / 2;
    }
  };
  for (let now = 0; now < offered.length * 1_000; now++) {
    const second = Math.floor(now / 1_000);
    for (const piece of due.get(now) ?? []) arrive(piece);
    due.delete(now);
    // In bursts, as SIPp and the world have them.
    if (now % 4 === 0) {
      const calls = ((offered[second] ?? 0) * 4) / 1_000 + random.below(100) / 100;
      for (let call = 1; call <= calls; call++) arrive("invite");
    }
    queueBytes[second] = Math.max(queueBytes[second] ?? 0, waiting());
    if (random.once(1_000)) pausedUntil = now + plant.pauseMs;
    if (now < pausedUntil) {
      busyUs += 1_000;
      continue;
    }
    owedUs += 1_000;
    while (owedUs > 0 && head < queue.length) {
      const us = work(queue[head++] ?? "ack", now);
      owedUs -= us;
      busyUs += us;
    }
    owedUs = Math.min(owedUs, 0);
    if (now < lookDue) continue;
    const seen = {
      loopDelayMs: now - lookDue,
      queueBytes: waiting(),
      busy: Math.min(1, busyUs / ((now - looked) * 1_000)),
    };
    state = nextState(state, seen, bounds);
    levels.push(state.level);
    busyUs = 0;
    looked = now;
    lookDue = now + LOOK_MS;
  }
  return { completed, levels, queueBytes, lost };
}
