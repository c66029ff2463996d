// A pair whose floating IP a script moves: config/floating-ip/hetzner.sh, its provider being a stub that turns the routes of the lab. As
// that script wants it, both nodes have the address on lo, always. `role.hook` is looked at beside it. Only with TANDEM_LAB_LONG=1: npm test has the
// scripts and the hook in test/integration.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ScriptFolder } from "../integration/floating-ip/script.ts";
import { untilCdrs } from "./cdr-lines.ts";
import { FLOATING_IP, type NodeName, Pair, Prober, wallNow } from "./pair.ts";
import { Callers } from "./pair-callers.ts";
import { labObstacle, unlessLong } from "./requirements.ts";
import { until } from "./until.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]) || unlessLong;
const SCRIPT = join(import.meta.dirname, "../../config/floating-ip/hetzner.sh");
/** What a cloud takes for a move is added to a takeover: the stub's own time, and two cores on which much else runs. */
const SLACK_MS = 2_500;

let folder: ScriptFolder;
let pair: Pair;
let prober: Prober;

/** A provider: $STATE has the server to which the address is assigned. Its packets go there. */
function provider({ a, b, caller, pbx }: Pair): string {
  const routes = [caller, pbx].map(
    ({ namespace }) => `ip -n ${namespace} route replace ${FLOATING_IP}/32 via "$gateway"`,
  );
  return `case "$*" in
  "floating-ip describe edge -o format={{if .Server}}{{.Server.ID}}{{end}}") cat "$STATE" ;;
  "floating-ip assign edge edge-a" | "floating-ip assign edge edge-b")
    case "$4" in edge-a) gateway=${a.host.ip4} ;; *) gateway=${b.host.ip4} ;; esac
    ${routes.join("\n    ")}
    printf %s "$4" >"$STATE"
    echo "$4" >>"$LOG" ;;
  "floating-ip unassign edge") printf "" >"$STATE" ;;
  *) echo "hcloud: $*" >&2; exit 1 ;;
esac`;
}

/** Roles as the hooks of a node were told them. */
function hooked(name: NodeName): string[] {
  return folder
    .read("hooks")
    .split("\n")
    .flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
}

before(async () => {
  if (skip !== false) return;
  folder = new ScriptFolder();
  folder.put("state", "");
  const env = `PATH=${folder.path}:$PATH HCLOUD_FLOATING_IP=edge HCLOUD_SERVER_ID=$TANDEM_NODE`;
  const command = JSON.stringify(["sh", "-c", `${env} exec ${SCRIPT} "$1"`, "script"]);
  const hook = JSON.stringify([
    "sh",
    "-c",
    `echo "$TANDEM_NODE $TANDEM_ROLE" >>${join(folder.path, "hooks")}`,
  ]);
  pair = new Pair(`role: { hook: ${hook} }\n`, {
    driver: `address: ${FLOATING_IP}/32, interface: eth0, driver: script, command: ${command}`,
  });
  folder.write("hcloud", provider(pair));
  for (const { host } of [pair.a, pair.b]) {
    host.run(["ip", "address", "add", `${FLOATING_IP}/32`, "dev", "lo"]);
    // The lab's hosts share a segment, which a provider's do not: an address on lo is no answer to ARP.
    host.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore"]);
  }
  await Callers.answer(pair);
  await pair.start();
  folder.put("hooks", "");
  prober = new Prober(pair.caller);
});
after(() => {
  pair?.close();
  folder?.[Symbol.dispose]();
});

describe("a pair whose address a script moves", { skip }, () => {
  async function strike(fault: string): Promise<number> {
    const { active, standby } = pair;
    const { engine } = active;
    const moves = folder.read("log").split("\n").length;
    const at = wallNow();
    if (fault === "kill -9") active.signalEngine("SIGKILL");
    else assert.equal((await pair.ask(active, { command: "switchover" })).ok, true);
    await standby.untilRole("active");
    await prober.firstAnswerAfter(wallNow());
    await active.untilRestarted(engine);
    const took = prober.longestGap(at - 100);
    await pair.untilReady(active);
    assert.equal(folder.read("state"), standby.name);
    assert.equal(folder.read("log").split("\n").length, moves + 1);
    return took;
  }

  test("kill -9, then a switchover: the provider is told once each time, and no call notices", async (context) => {
    const calls = await Callers.begin(pair);
    const took = [await strike("kill -9"), await strike("switchover")].map(Math.round);
    context.diagnostic(`no new call answered for ${took.join(" and ")} ms; ${await calls.finish()}`);
    assert.ok(Math.max(...took) < SLACK_MS, took.join());
  });

  test("the hook was told each change of role", async () => {
    const { active, standby } = pair;
    const [one, other] = [hooked(active.name), hooked(standby.name)];
    assert.deepEqual(one.slice(-2), ["taking-over", "active"]);
    await until("the hook of the node that stepped down", 5_000, () =>
      hooked(standby.name).at(-1) === "standby" ? true : null,
    );
    assert.ok(other.includes("stepping-down"), other.join(" "));
    const times = (roles: readonly string[], role: string): number =>
      roles.filter((each) => each === role).length;
    assert.equal(times([...one, ...other], "active"), 2);
    assert.equal(times([...one, ...other], "taking-over"), 2);
  });

  test("every call has exactly one record", async () => {
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    for (const { number, count } of Callers.begun(1)) {
      const ids = (await untilCdrs(count, number, ...files)).map(({ callId }) => callId);
      assert.deepEqual([new Set(ids).size, ids.length], [count, count], `calls to ${number}`);
    }
  });
});
