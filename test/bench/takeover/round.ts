// One round: a pair started anew, calls through it, a fault, and what became of them.
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../lab/lab.ts";
import { FLOATING_IP } from "../../lab/pair.ts";
import { SegmentOwners } from "../../lab/segment-owners.ts";
import { firstAnswerMs, longestGapMs } from "./first-answer.ts";
import { startKamailioPair } from "./kamailio-pair.ts";
import { FaultLoad, type LoadSize, type Outcome, type Share } from "./load.ts";
import type { FaultKind, PairName, StartPair } from "./pair-under-test.ts";
import { startTandem } from "./tandem-pair.ts";

export interface Round {
  pair: PairName;
  fault: FaultKind;
  /** Fault to the first new call answered, milliseconds; of a switchover or a cut the longest time without an answer. NaN: none came. */
  outageMs: number;
  outcome: Outcome;
  /** Calls that have exactly one record, of all that were begun. */
  recorded: Share;
  /** How long two nodes sent in the name of the floating IP; null: not watched. */
  twoOwnersMs: number | null;
}

const START: Readonly<Record<PairName, StartPair>> = {
  kamailio: startKamailioPair,
  tandem: startTandem({ confirm: "off" }),
  "tandem-confirm": startTandem({ confirm: "invite" }),
};

/** A round that says nothing of the pair, as it did not serve by its first node when the fault came. */
export interface SpoiltRound {
  spoilt: string;
  /** What the pair's programs have written. */
  output: string;
}

/** Captures what goes over the SIP network; in the end all that the lab's programs wrote is copied. */
function keepAll(lab: Lab, directory: string): Disposable {
  const file = join(lab.directory, "front.pcap");
  const argv = ["tcpdump", "-i", "br-front", "-w", file, "-U", "-s", "300", "-B", "16384", "arp or udp"];
  const capture = lab.switchHost().start("capture", argv);
  return {
    [Symbol.dispose]: () => {
      capture.kill("SIGKILL");
      cpSync(lab.directory, directory, { recursive: true });
    },
  };
}

export async function playRound(
  pair: PairName,
  fault: FaultKind,
  { size, keep }: { size: LoadSize; keep: string | null },
): Promise<Round | SpoiltRound> {
  const load = new FaultLoad(size);
  using started = await START[pair]((parties) => load.prepare(parties));
  using _kept = keep === null ? null : keepAll(started.lab, join(keep, `${pair}-${fault}-${Date.now()}`));
  await load.begin();
  if (!started.stands())
    return { spoilt: "its first node had lost the address before the fault", output: started.output() };
  const owners = fault === "cut" ? await SegmentOwners.watch(started.lab.switchHost(), FLOATING_IP) : null;
  const at = await started.fault(fault);
  if (keep !== null)
    writeFileSync(join(started.lab.directory, "fault-at"), `${new Date(at).toISOString()}\n`);
  const outcome = await load.end();
  const twoOwnersMs = (await owners?.stop())?.overlapMs ?? null;
  const outage = fault === "switchover" || fault === "cut" ? longestGapMs : firstAnswerMs;
  if (outcome.newCalls.done === 0) return { spoilt: "it served no call at all", output: started.output() };
  const once = [...started.callRecords().values()].filter((count) => count === 1).length;
  const recorded = { done: once, of: load.offered };
  return { pair, fault, outageMs: outage(load.shortMessages(), at), outcome, recorded, twoOwnersMs };
}
