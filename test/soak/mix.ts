// What is called during the soak: mostly calls that are answered, and every way for a call to go otherwise.
import { setPriority } from "node:os";
import type { Host } from "../lab/host.ts";
import { type PbxOptions, type ScenarioName, startCaller, startPbx } from "../lab/sipp.ts";

export interface CallKind {
  readonly name: string;
  /** Number called, and name of the group that it is routed to. */
  readonly number: string;
  readonly caller: ScenarioName;
  /** Of a hundred calls. */
  readonly percent: number;
  readonly talkMs: number;
  /** Ports at the PBX host in the order to be tried. */
  readonly targets: readonly { port: number; transport: "udp" | "tcp" }[];
  readonly transport: "udp" | "tcp";
}

/** Before whatever else the machine does, as the node has it: no call is to fail because its caller waits. */
const OWN_MACHINE_NICENESS = -15;
const UDP = "udp";
const ANSWER = { port: 5060, transport: UDP } as const;
const SILENT = { port: 5067, transport: UDP } as const;
const CLOSED = { port: 5066, transport: UDP } as const;

const KINDS: readonly CallKind[] = [
  kind("answered", "1000", "uac-call", 75, [ANSWER]),
  kind("answered over TCP", "1001", "uac-call", 2, [{ port: 5061, transport: "tcp" }], { transport: "tcp" }),
  kind("re-INVITE", "1002", "uac-reinvite", 2, [{ port: 5068, transport: UDP }]),
  kind("callee hangs up", "1003", "uac-callee-hangs-up", 5, [{ port: 5062, transport: UDP }]),
  kind("declined (486)", "1004", "uac-declined", 5, [{ port: 5063, transport: UDP }]),
  kind("cancelled while it rings", "1005", "uac-cancel", 5, [{ port: 5064, transport: UDP }], {
    talkMs: 200,
  }),
  kind("failover after 503", "1006", "uac-call", 4, [{ port: 5065, transport: UDP }, ANSWER]),
  kind("failover after ICMP", "1007", "uac-call", 1, [CLOSED, ANSWER]),
  kind("failover after silence", "1008", "uac-call", 1, [SILENT, ANSWER]),
];

const PBXS: readonly PbxOptions[] = [
  { scenario: "uas-answer", port: 5060 },
  { scenario: "uas-answer", port: 5061, transport: "tcp" },
  { scenario: "uas-hangs-up", port: 5062 },
  { scenario: "uas-busy", port: 5063 },
  { scenario: "uas-ring-only", port: 5064 },
  { scenario: "uas-unavailable", port: 5065 },
  { scenario: "uas-ring-answer", port: 5068 },
];

function kind(
  name: string,
  number: string,
  caller: ScenarioName,
  percent: number,
  targets: CallKind["targets"],
  more: Partial<CallKind> = {},
): CallKind {
  return { name, number, caller, percent, targets, talkMs: 0, transport: UDP, ...more };
}

export async function startPbxs(pbx: Host): Promise<void> {
  const pbxs = await Promise.all(PBXS.map((options) => startPbx(pbx, options)));
  for (const { program } of pbxs) setPriority(program.pid, OWN_MACHINE_NICENESS);
}

/** The configuration of the node between the two. */
export function soakConfig(hosts: { edge: Host; caller: Host; pbx: Host; cdrFile: string }): string {
  const { edge, caller, pbx, cdrFile } = hosts;
  const groups = KINDS.map(({ number, targets }) => {
    const lines = targets.map(
      ({ port, transport }, index) =>
        `      - { uri: "sip:${pbx.ip4}:${port};transport=${transport}", priority: ${index + 1} }\n`,
    );
    return `  pbx-${number}:\n    sources: []\n    targets:\n${lines.join("")}    failover: { noAnswerAfter: 500ms }\n`;
  });
  return `
node: soak
listen: ["udp://${edge.ip4}:5060", "tcp://${edge.ip4}:5060"]
identity: { secret: [a-secret-of-the-soak-only] }
groups:
  carriers: { sources: [${caller.ip4}] }
  pbxs: { sources: [${pbx.ip4}] }
${groups.join("")}
routes:
${KINDS.map(({ number }) => `  - { from: carriers, number: "^${number}$", to: pbx-${number} }\n`).join("")}
cdr: { file: ${cdrFile} }
overload: { loopDelay: 2s, queueBytes: 8388608 }
log: { level: info }
`;
}

export interface PhaseResult {
  readonly calls: number;
  readonly successful: number;
  /** One line for each kind with failed calls. */
  readonly failures: readonly string[];
}

/** Offers calls of every kind by their share, all at once; resolves when the last is over. */
export async function offerCalls(
  caller: Host,
  edge: Host,
  { calls, rate }: { calls: number; rate: number },
): Promise<PhaseResult> {
  const runs = KINDS.map(async (each, index) => {
    const share = Math.max(1, Math.round((calls * each.percent) / 100));
    const sipp = startCaller(caller, {
      scenario: each.caller,
      transport: each.transport,
      port: 5_060 + index, // not 6000, where SIPp has its media
      remote: { address: edge.ip4 },
      calls: share,
      rate: Math.max(1, Math.round((rate * each.percent) / 100)),
      talkMs: each.talkMs,
      number: each.number,
    });
    setPriority(sipp.program.pid, OWN_MACHINE_NICENESS);
    const { statistics, errors } = await sipp.finished();
    const successful = statistics?.successful ?? 0;
    const failure = `${each.name}: ${share - successful} of ${share} failed; ${errors.slice(0, 600)}`;
    return { calls: share, successful, failures: successful === share ? [] : [failure] };
  });
  const results = await Promise.all(runs);
  return {
    calls: results.reduce((sum, result) => sum + result.calls, 0),
    successful: results.reduce((sum, result) => sum + result.successful, 0),
    failures: results.flatMap((result) => result.failures),
  };
}
