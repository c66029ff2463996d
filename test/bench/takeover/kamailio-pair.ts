// The rival: two of Kamailio, dialogs replicated by DMQ, the floating IP moved by keepalived.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cutOff, unplug } from "../../lab/faults.ts";
import type { Host } from "../../lab/host.ts";
import { Lab } from "../../lab/lab.ts";
import { NODE_MACHINE } from "../../lab/own-machine.ts";
import { FLOATING_IP, wallNow } from "../../lab/pair.ts";
import type { Program } from "../../lab/program.ts";
import { until } from "../../lab/until.ts";
import { processTree } from "../calls/process-tree.ts";
import { countEach, type FaultKind, SIP_PORT, type StartPair } from "./pair-under-test.ts";

const WITHIN_MS = 15_000;
const SHARED_MEMORY_MIB = "256";
const PRIVATE_MEMORY_MIB = "16";
interface Node {
  host: Host;
  proxy: Program;
  check: Program;
  keepalived: Program;
}

interface Plan {
  host: Host;
  peer: Host;
  pbx: Host;
  /** Higher is preferred. */
  priority: number;
}

/** A file beside this one, its words in capitals replaced. @returns where it was written */
function fill(host: Host, template: string, words: Readonly<Record<string, string>>): string {
  const file = join(host.directory, `${host.name}-${template}`);
  const text = readFileSync(join(import.meta.dirname, template), "utf8");
  writeFileSync(
    file,
    Object.entries(words).reduce((filled, [word, value]) => filled.replaceAll(word, value), text),
  );
  return file;
}

function hasAddress(host: Host): boolean {
  return host.run(["ip", "-o", "address", "show", "dev", "eth0"]).includes(` ${FLOATING_IP}/`);
}

async function startProxy({ host, peer, pbx }: Plan): Promise<Program> {
  // The one that stands by is bound to the floating IP, too.
  host.run(["sysctl", "-q", "-w", "net.ipv4.ip_nonlocal_bind=1"]);
  const file = fill(host, "kamailio.cfg", {
    FLOATING: FLOATING_IP,
    OWN: host.ip4,
    PEER: peer.ip4,
    CALLEE: pbx.ip4,
  });
  const runtime = join(host.directory, `${host.name}-run`);
  mkdirSync(runtime, { recursive: true });
  const argv = ["kamailio", "-f", file, "-DD", "-E", "-Y", runtime, "-x", "fm", "-X", "fm"];
  const memory = ["-m", SHARED_MEMORY_MIB, "-M", PRIVATE_MEMORY_MIB];
  const proxy = host.start("kamailio", [...NODE_MACHINE, ...argv, ...memory]);
  await proxy.untilBound("udp", SIP_PORT, WITHIN_MS);
  return proxy;
}

async function startNode(plan: Plan): Promise<Node> {
  const { host, priority } = plan;
  const proxy = await startProxy(plan);
  const checked = join(host.directory, `${host.name}-sip`);
  writeFileSync(checked, "0\n");
  const checkProgram = join(import.meta.dirname, "sip-check.ts");
  const check = host.start("sip-check", [...NODE_MACHINE, process.execPath, checkProgram, host.ip4, checked]);
  await check.untilOutput(/checking/, WITHIN_MS);
  const file = fill(host, "keepalived.conf", {
    NODE: host.name,
    PRIORITY: `${priority}`,
    FLOATING: FLOATING_IP,
    CHECK: checked,
  });
  const pid = (name: string): string => join(host.directory, `${host.name}-${name}.pid`);
  const keepalived = host.start("keepalived", [
    ...[...NODE_MACHINE, "keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"],
    ...["--use-file", file, "--pid", pid("keepalived"), "--vrrp_pid", pid("vrrp")],
  ]);
  return { host, proxy, check, keepalived };
}

function signalTree(program: Program, signal: NodeJS.Signals): void {
  for (const pid of processTree(program.pid)) process.kill(pid, signal);
}

function strike({ host, proxy, check, keepalived }: Node, kind: FaultKind, peer: Node): void {
  const all = [keepalived, check, proxy];
  switch (kind) {
    case "kill":
      signalTree(proxy, "SIGKILL");
      break;
    case "freeze":
      signalTree(proxy, "SIGSTOP");
      break;
    case "kill-both":
      for (const each of all) signalTree(each, "SIGKILL");
      break;
    case "freeze-both":
      for (const each of all) signalTree(each, "SIGSTOP");
      break;
    case "link":
    case "sip-link": // it has no other one
      unplug(host);
      break;
    case "cut":
      cutOff(peer.host, host.ip4);
      break;
    case "switchover": // it says so to the other one, by an advert of priority 0
      keepalived.kill("SIGTERM");
      break;
  }
}

export const startKamailioPair: StartPair = async (prepare) => {
  const lab = new Lab();
  try {
    const [a, b] = [lab.host("edge-a", { number: 1 }), lab.host("edge-b", { number: 2 })];
    const caller = lab.host("caller", { number: 10 });
    const pbx = lab.host("pbx", { number: 20 });
    await prepare({ caller, pbx });
    const active = await startNode({ host: a, peer: b, pbx, priority: 110 });
    await until(
      "the first node to have the address",
      WITHIN_MS,
      () => (hasAddress(a) ? true : null),
      () => active.keepalived.output(),
    );
    const standby = await startNode({ host: b, peer: a, pbx, priority: 100 });
    await standby.keepalived.untilOutput(/Entering BACKUP STATE/, WITHIN_MS);
    const programs = [active, standby].flatMap(({ proxy, keepalived }) => [proxy, keepalived]);
    return {
      lab,
      caller,
      pbx,
      stands: () => hasAddress(a),
      fault: async (kind) => {
        const asked = wallNow();
        strike(active, kind, standby);
        return kind === "switchover" ? asked : wallNow();
      },
      callRecords: () =>
        countEach(
          [active, standby].flatMap(({ proxy }) =>
            [...proxy.output().matchAll(/ CDR (\S+)$/gm)].map(([, callId = ""]) => callId),
          ),
        ),
      output: () => programs.map((each) => `${each.label}:\n${each.output().slice(-2_000)}`).join("\n"),
      [Symbol.dispose]: () => lab.close(),
    };
  } catch (error) {
    lab.close();
    throw error;
  }
};
