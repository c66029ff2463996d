// One round: a pair started anew, calls through it, a fault, and what became of them.
import { firstAnswerMs } from "./first-answer.ts";
import { startKamailioPair } from "./kamailio-pair.ts";
import { FaultLoad, type LoadSize, type Outcome } from "./load.ts";
import type { FaultKind, PairName, StartPair } from "./pair-under-test.ts";
import { startTandemPair } from "./tandem-pair.ts";

export interface Round {
  pair: PairName;
  fault: FaultKind;
  /** Fault to the first new call answered, milliseconds; NaN: none was. */
  firstAnswerMs: number;
  outcome: Outcome;
}

const START: Readonly<Record<PairName, StartPair>> = {
  kamailio: startKamailioPair,
  tandem: startTandemPair,
};

/** @returns null when the pair did not serve by its first node in the moment of the fault: such a round says nothing of it */
export async function playRound(pair: PairName, fault: FaultKind, size: LoadSize): Promise<Round | null> {
  const load = new FaultLoad(size);
  using started = await START[pair]((parties) => load.prepare(parties));
  await load.begin();
  if (!started.stands()) return null;
  const at = await started.fault(fault);
  const outcome = await load.end();
  if (outcome.newCalls.done === 0) throw new Error(`no call was served at all:\n${started.output()}`);
  return { pair, fault, firstAnswerMs: firstAnswerMs(load.shortMessages(), at), outcome };
}
