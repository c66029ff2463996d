// The demo in two acts: a PBX is killed, then the active one of a pair. Exit code 0: no call was lost.

import { pairKilled } from "./demo-pair-killed.ts";
import { pbxKilled } from "./demo-pbx-killed.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";

async function firstAct(): Promise<boolean> {
  using lab = new Lab();
  return await pbxKilled(lab);
}

const obstacle = labObstacle(["sipp", "redis-server"]);
if (obstacle !== false) {
  process.stderr.write(`The demo cannot run: ${obstacle}.\n`);
  process.exitCode = 2;
} else {
  const startedAt = performance.now();
  const first = await firstAct();
  const second = await pairKilled();
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const verdict = first && second ? "0 calls lost in both acts" : "the demo FAILED, see above";
  process.stdout.write(`${seconds} s in all; ${verdict}.\n`);
  process.exitCode = first && second ? 0 : 1;
}
