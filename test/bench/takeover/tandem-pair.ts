// Two of Tandem with their guardians and a Redis, as the lab builds them.
import { readFileSync, writeFileSync } from "node:fs";
import { wholeCdrs } from "../../lab/cdr-lines.ts";
import { unplug } from "../../lab/faults.ts";
import { Pair, type PairNode, wallNow } from "../../lab/pair.ts";
import { CALLEES, countEach, type FaultKind, type PairUnderTest, type StartPair } from "./pair-under-test.ts";

const GROUPS = "\ngroups:\n";

/** Calls to each number go to the callee that does what is measured. */
function routeToCallees({ file }: PairNode, { caller, pbx }: Pair): void {
  const text = readFileSync(file, "utf8");
  const end = text.indexOf(GROUPS);
  if (end === -1) throw new Error(`${file} has no groups`);
  const kinds = Object.values(CALLEES).map(({ number, port }) => ({ name: `to-${number}`, number, port }));
  const backup = `{ uri: "sip:${pbx.ip4}:${CALLEES.answers.port}", priority: 20 }`;
  const groups = kinds.map(({ name, port }) => {
    const target = `{ uri: "sip:${pbx.ip4}:${port}", priority: 10 }`;
    const targets = port === CALLEES["is silent"].port ? `${target}, ${backup}` : target;
    return `  ${name}: { sources: [], targets: [${targets}] }`;
  });
  const routes = kinds.map(({ name, number }) => `  - { from: phones, number: "^${number}$", to: ${name} }`);
  writeFileSync(
    file,
    `${text.slice(0, end)}${GROUPS}  phones: { sources: [${caller.ip4}/32] }\n${groups.join("\n")}\nroutes:\n${routes.join("\n")}\n`,
  );
}

/** The faults of the pair's first node. */
function striker(pair: Pair): (kind: FaultKind) => Promise<number> {
  const { a } = pair;
  const { host, guardian, engine } = a;
  const both = (signal: NodeJS.Signals): void => {
    guardian?.kill(signal);
    process.kill(engine, signal);
  };
  return async (kind) => {
    let at = wallNow();
    switch (kind) {
      case "kill":
        process.kill(engine, "SIGKILL");
        break;
      case "freeze":
        process.kill(engine, "SIGSTOP");
        break;
      case "kill-both":
        both("SIGKILL");
        break;
      case "freeze-both":
        both("SIGSTOP");
        break;
      case "link":
        unplug(host, "front", "back");
        at = wallNow();
        break;
      case "sip-link":
        unplug(host, "front");
        at = wallNow();
        break;
      case "cut":
        pair.cutApart(a);
        at = wallNow();
        break;
      case "switchover": {
        const answer = await pair.ask(a, { command: "switchover" });
        if (!answer.ok) throw new Error(`switchover: ${answer.error}`);
        break;
      }
    }
    return at;
  };
}

/** @param confirm as in `redis.confirm`: what waits for its commit */
export function startTandem({ confirm }: { confirm: "off" | "invite" }): StartPair {
  return (prepare) => startPair(confirm, prepare);
}

async function startPair(confirm: string, prepare: Parameters<StartPair>[0]): Promise<PairUnderTest> {
  const redis = (host: string): string => `url: "redis://${host}:6379", confirm: "${confirm}"`;
  const pair = new Pair("", { redis });
  try {
    for (const node of [pair.a, pair.b]) routeToCallees(node, pair);
    await prepare(pair);
    await pair.start();
    const strike = striker(pair);
    return {
      lab: pair.lab,
      caller: pair.caller,
      pbx: pair.pbx,
      stands: () => pair.a.hasAddress,
      fault: strike,
      callRecords: () => {
        const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
        // Two lines with the same id are one record (docs/cdr.md).
        const records = new Map(wholeCdrs(...files).map(({ id, callId }) => [id, callId]));
        return countEach(records.values());
      },
      output: () =>
        [pair.a, pair.b]
          .map(({ name, guardian }) => `${name}:\n${guardian?.output().slice(-6_000)}`)
          .join("\n"),
      [Symbol.dispose]: () => pair.close(),
    };
  } catch (error) {
    pair.close();
    throw error;
  }
}
