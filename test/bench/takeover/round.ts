// One round: a pair started anew, calls through it, a fault, and what became of them.
import { firstAnswerMs } from "./first-answer.ts";
import { startKamailioPair } from "./kamailio-pair.ts";
import { FaultLoad, type LoadSize, type Outcome } from "./load.ts";
import type { FaultKind, PairName, PairUnderTest } from "./pair-under-test.ts";
import { startTandemPair } from "./tandem-pair.ts";

export interface Round {
  pair: PairName;
  fault: FaultKind;
  /** Fault to the first new call answered, milliseconds; NaN: none was. */
  firstAnswerMs: number;
  outcome: Outcome;
}

const START: Readonly<Record<PairName, () => Promise<PairUnderTest>>> = {
  kamailio: startKamailioPair,
  tandem: startTandemPair,
};

/** @throws Error when no new call was answered at all before the fault: there was no pair then */
export async function playRound(pair: PairName, fault: FaultKind, size: LoadSize): Promise<Round> {
  using started = await START[pair]();
  const load = new FaultLoad(started, size);
  await load.begin();
  const at = started.fault(fault);
  const outcome = await load.end();
  const first = firstAnswerMs(load.shortMessages(), at);
  if (outcome.newCalls.done === 0) throw new Error(`no call was served at all:\n${started.output()}`);
  return { pair, fault, firstAnswerMs: first, outcome };
}
