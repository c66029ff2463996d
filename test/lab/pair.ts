// A pair of Tandem nodes with a floating IP in the lab: SIP on one network, heartbeats and Redis on another.
import { readFileSync, writeFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { askNode } from "../../src/admin/control-client.ts";
import type { CommandAnswer, CommandRequest } from "../../src/admin/handlers.ts";
import { cutOff, deafen, type Heal, together } from "./faults.ts";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import { giveOwnMachine, PEER_MACHINE } from "./own-machine.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

const main = join(import.meta.dirname, "../../src/main.ts");
const prober = join(import.meta.dirname, "call-prober.ts");
/** Host part 200 of the first network: no host of a test has it. */
export const FLOATING_IP = "10.77.0.200";
export const HEARTBEAT_PORT = 7_060;
const FLOATING_IP6 = "fd77:1::c8";
const ROLE_TIMEOUT_MS = 20_000;
const START_TRIES_MAX = 3;

export type NodeName = "edge-a" | "edge-b";

function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

/** A line of a node's or its guardian's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** One of the two, with its guardian. */
export class PairNode {
  readonly name: NodeName;
  readonly host: Host;
  readonly file: string;
  readonly floatingIp: string;
  guardian: Program | null = null;

  constructor(name: NodeName, host: Host, file: string, floatingIp = FLOATING_IP) {
    this.name = name;
    this.host = host;
    this.file = file;
    this.floatingIp = floatingIp;
  }

  start(): void {
    const { host, file } = this;
    this.guardian = host.start("tandem", [process.execPath, main, "run", "-c", file]);
  }

  /** It is in full service; what its guardian starts anew, busy with compiling for a second, gets none of these cores. */
  settle(): void {
    if (this.guardian !== null) giveOwnMachine(this.guardian.pid, { children: "shared" });
  }

  logs(): LogLine[] {
    const { guardian } = this;
    if (guardian === null) return [];
    return readFileSync(guardian.stdoutFile, "utf8")
      .split("\n")
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as LogLine];
        } catch {
          return [];
        }
      });
  }

  /** Its last role, as its log has it. */
  get role(): string {
    const last = this.logs().findLast(
      ({ msg, what }) => msg === "ready" || (msg === "cluster" && what === "role"),
    );
    return String(last?.["role"] ?? "starting");
  }

  /** Process id of the engine that runs now. */
  get engine(): number {
    return Number(this.logs().findLast(({ msg }) => msg === "ready")?.["pid"] ?? 0);
  }

  get hasAddress(): boolean {
    return this.host.run(["ip", "-o", "address", "show", "dev", "eth0"]).includes(` ${this.floatingIp}/`);
  }

  async untilRole(role: string, timeoutMs = ROLE_TIMEOUT_MS): Promise<void> {
    await until(
      `${this.name} to be ${role}`,
      timeoutMs,
      () => {
        if (this.role === role) return true;
        if (this.guardian?.running !== true) throw new Error(`${this.name} has ended`);
        return null;
      },
      () => this.guardian?.output().slice(-6_000) ?? "",
    );
  }

  /** Its guardian has started an engine anew, after the one that this was. */
  async untilRestarted(former: number): Promise<void> {
    await until(`${this.name} to have another engine`, ROLE_TIMEOUT_MS, () =>
      this.engine === former ? null : true,
    );
  }

  /** The engine alone. */
  signalEngine(signal: NodeJS.Signals): void {
    process.kill(this.engine, signal);
  }

  /** Guardian and engine. */
  signalAll(signal: NodeJS.Signals): void {
    // Looked up first: an engine that outlives its guardian for the milliseconds of that resigns by itself.
    const { engine } = this;
    this.guardian?.kill(signal);
    process.kill(engine, signal);
  }
}

interface ProberLine {
  readonly event: "ready" | "asked" | "answered";
  readonly call: number;
  /** Wall time in milliseconds. */
  readonly at: number;
}

/** New calls, one each 10 ms, through the floating IP. */
export class Prober {
  readonly program: Program;

  constructor(host: Host, floatingIp = FLOATING_IP) {
    const own = isIPv6(floatingIp) ? host.ip6 : host.ip4;
    this.program = host.start("prober", [...["nice", "-n", "-5", process.execPath, prober, own, floatingIp]]);
  }

  lines(): ProberLine[] {
    return readFileSync(this.program.stdoutFile, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ProberLine);
  }

  /** @returns milliseconds from `since` (wall time) until the first answer to a call that was asked for after it */
  async firstAnswerAfter(since: number, timeoutMs = 10_000): Promise<number> {
    return await until("a new call to be answered", timeoutMs, () => {
      const lines = this.lines();
      const asked = new Set(
        lines.filter(({ event, at }) => event === "asked" && at >= since).map(({ call }) => call),
      );
      const first = lines.find(
        ({ event, call, at }) => event === "answered" && at >= since && asked.has(call),
      );
      return first === undefined ? null : first.at - since;
    });
  }

  /** Longest time without an answer between two answers since then. */
  longestGap(since: number): number {
    const answers = this.lines().filter(({ event, at }) => event === "answered" && at >= since);
    return answers.reduce((gap, { at }, index) => Math.max(gap, at - (answers[index - 1]?.at ?? at)), 0);
  }
}

export function wallNow(): number {
  return performance.timeOrigin + performance.now();
}

export interface PairOptions {
  /** Of the floating IP, the callers and the PBX; default: 4. Redis and the first heartbeat path stay with IPv4. */
  readonly family?: 4 | 6;
  /** What stands in `cluster.floatingIp`, in flow style; default: the kernel's driver. */
  readonly driver?: string;
  /** What stands in `redis`, in flow style, by the address of its host; default: the one server at 6379. */
  readonly redis?: (host: string) => string;
  /** Lines added to `cluster`, with their two blanks. */
  readonly cluster?: string;
}

export class Pair implements Disposable {
  readonly lab: Lab;
  readonly floatingIp: string;
  readonly a: PairNode;
  readonly b: PairNode;
  readonly caller: Host;
  readonly pbx: Host;
  readonly redisHost: Host;
  redis: Program;

  readonly #options: PairOptions;

  /** @param extra lines added to both configurations */
  constructor(extra = "", options: PairOptions = {}) {
    this.#options = options;
    this.floatingIp = options.family === 6 ? FLOATING_IP6 : FLOATING_IP;
    this.lab = new Lab({ networks: ["front", "back"] });
    const both = ["front", "back"];
    const hostA = this.lab.host("edge-a", { number: 1, networks: both });
    const hostB = this.lab.host("edge-b", { number: 2, networks: both });
    this.caller = this.lab.host("caller", { number: 10 });
    this.pbx = this.lab.host("pbx", { number: 20 });
    this.redisHost = this.lab.host("redis", { number: 30, networks: ["back"] });
    this.redis = this.startRedis();
    const file = (name: NodeName): string => {
      const path = join(this.lab.directory, `${name}.yaml`);
      writeFileSync(path, `${this.#configuration(name, hostA, hostB)}${extra}`);
      return path;
    };
    this.a = new PairNode("edge-a", hostA, file("edge-a"), this.floatingIp);
    this.b = new PairNode("edge-b", hostB, file("edge-b"), this.floatingIp);
  }

  /** Of a host, in the family of the floating IP. */
  addressOf(host: Host): string {
    return this.#options.family === 6 ? host.ip6 : host.ip4;
  }

  startRedis(): Program {
    this.redis = this.startRedisServer(6_379);
    return this.redis;
  }

  /** @param more arguments, after its own */
  startRedisServer(port: number, ...more: string[]): Program {
    const { ip4 } = this.redisHost;
    return this.redisHost.start(`redis-${port}`, [
      ...[
        ...PEER_MACHINE,
        "redis-server",
        "--bind",
        ip4,
        "--port",
        `${port}`,
        "--save",
        "",
        "--protected-mode",
        "no",
      ],
      ...["--dir", this.lab.directory, ...more],
    ]);
  }

  /** Some Sentinels that watch the server at 6379. @returns their addresses */
  startSentinels(ports: readonly number[], master: string): string[] {
    const { ip4 } = this.redisHost;
    for (const port of ports) {
      const file = join(this.lab.directory, `sentinel-${port}.conf`);
      const lines = [
        `sentinel monitor ${master} ${ip4} 6379 2`,
        `sentinel down-after-milliseconds ${master} 500`,
        `sentinel failover-timeout ${master} 3000`,
      ];
      writeFileSync(file, `bind ${ip4}\nport ${port}\nprotected-mode no\n${lines.join("\n")}\n`);
      this.redisHost.start(`sentinel-${port}`, [...PEER_MACHINE, "redis-server", file, "--sentinel"]);
    }
    return ports.map((port) => `${ip4}:${port}`);
  }

  redisAsk(...args: string[]): string {
    return this.redisHost.run(["redis-cli", "-h", this.redisHost.ip4, ...args]).trim();
  }

  cdrFile(name: NodeName): string {
    return join(this.lab.directory, `${name}.cdr`);
  }

  /** A command as `tandem` sends it to a node, without the second that the start of a process takes on busy cores. */
  async ask({ name }: PairNode, request: CommandRequest): Promise<CommandAnswer> {
    return await askNode(join(this.lab.directory, `${name}.sock`), request);
  }

  /** A command of an operator. @returns what it printed, errors too */
  tandem({ file, host }: PairNode, ...words: string[]): string {
    const [command = "", ...rest] = words;
    const isFlag = (word: string): boolean => word.startsWith("--");
    const argv = [command, ...rest.filter((word) => !isFlag(word)), "-c", file, ...rest.filter(isFlag)];
    const quoted = [process.execPath, main, ...argv].map((word) => `'${word}'`).join(" ");
    return host.run(["sh", "-c", `${quoted} 2>&1 || true`]);
  }

  /** What a node sends on the SIP network while something goes on: SIP, and announcements of the floating IP. */
  async listenTo({ host }: PairNode, meanwhile: () => Promise<void>): Promise<string[]> {
    const filter = `arp or (src host ${this.floatingIp} and udp port 5060)`;
    const capture = host.start("capture", [
      ...["tcpdump", "-i", "eth0", "-Q", "out", "-n", "-l", "--immediate-mode", filter],
    ]);
    await capture.untilOutput(/listening on/, 5_000);
    await meanwhile();
    await capture.stop("SIGINT");
    const lines = readFileSync(capture.stdoutFile, "utf8").split("\n");
    return lines.filter((line) => line.includes(this.floatingIp) && !/ who-has /.test(line) && line !== "");
  }

  /** Both started, `a` active. */
  async start(): Promise<void> {
    await this.redis.untilBound("tcp", 6379);
    // Other work on the machine's cores may keep a node from renewing its lease in the very moment the other one starts.
    for (let tries = 1; ; tries++) {
      try {
        await this.#startBoth();
        return;
      } catch (error) {
        if (tries === START_TRIES_MAX) throw error;
        for (const node of [this.a, this.b]) await node.guardian?.stop("SIGTERM");
        this.redisAsk("FLUSHALL");
      }
    }
  }

  async #startBoth(): Promise<void> {
    this.a.start();
    await this.a.untilRole("active");
    this.b.start();
    await this.b.untilRole("standby");
    await this.untilReady(this.b);
    this.a.settle();
  }

  node(name: NodeName): PairNode {
    return name === "edge-a" ? this.a : this.b;
  }

  get active(): PairNode {
    return this.a.role === "active" ? this.a : this.b;
  }

  get standby(): PairNode {
    return this.a.role === "active" ? this.b : this.a;
  }

  /** The standby has heard the active, and has all its records. */
  async untilReady(node: PairNode): Promise<void> {
    await until(
      `${node.name} to be ready`,
      ROLE_TIMEOUT_MS,
      () => {
        const engine = node.engine;
        const lines = node.logs();
        const from = lines.findLastIndex(({ msg, pid }) => msg === "ready" && pid === engine);
        return lines.slice(from).some(({ row }) => row === "alive, active") ? true : null;
      },
      () => node.guardian?.output().slice(-6_000) ?? "",
    );
    node.settle();
    await delay(300);
  }

  /** No heartbeat arrives at either node. */
  cutHeartbeats(): Heal {
    return together(...[this.a, this.b].map(({ host }) => deafen(host, "udp", HEARTBEAT_PORT)));
  }

  /** The nodes hear nothing of each other, and this one nothing of Redis. */
  cutApart({ host }: PairNode): Heal {
    return together(this.cutHeartbeats(), cutOff(host, this.redisHost.ip4));
  }

  close(): void {
    this.lab.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #configuration(name: NodeName, a: Host, b: Host): string {
    const state = join(this.lab.directory, `state-${name}`);
    const { floatingIp, caller, pbx } = this;
    const sip = (host: Host): string => bracketed(this.addressOf(host));
    const { ip4: redisAt } = this.redisHost;
    const redis = this.#options.redis?.(redisAt) ?? `url: "redis://${redisAt}:6379"`;
    const placed = `address: ${floatingIp}/${isIPv6(floatingIp) ? 128 : 32}, interface: eth0`;
    return `node: ${name}
listen: ["udp://${bracketed(floatingIp)}:5060", "tcp://${bracketed(floatingIp)}:5060"]
cluster:
  name: lab
  secret: [a-secret-of-the-lab-pair]
  floatingIp: { ${this.#options.driver ?? placed} }
  paths:
    - { edge-a: "${a.attachment("back").ip4}:${HEARTBEAT_PORT}", edge-b: "${b.attachment("back").ip4}:${HEARTBEAT_PORT}" }
    - { edge-a: "${sip(a)}:${HEARTBEAT_PORT}", edge-b: "${sip(b)}:${HEARTBEAT_PORT}" }
  priority: { edge-a: 10, edge-b: 20 }
  witnesses: ["${this.addressOf(pbx)}"]
  bootWait: 1s
${this.#options.cluster ?? ""}redis: { ${redis} }
state: { directory: ${state} }
control: { socket: ${join(this.lab.directory, `${name}.sock`)} }
cdr: { file: ${this.cdrFile(name)} }
groups:
  phones: { sources: ["${this.addressOf(caller)}"] }
  pbx: { targets: ["sip:${sip(pbx)}:5060"] }
  answering: { sources: [], targets: ["sip:${sip(pbx)}:5070"] }
  silent: { sources: [], targets: ["sip:${sip(pbx)}:5080"] }
  declining: { sources: [], targets: ["sip:${sip(pbx)}:5090"] }
routes:
  - { from: phones, number: ^1, to: pbx }
  - { from: phones, number: ^2, to: answering }
  - { from: phones, number: ^3, to: silent }
  - { from: phones, number: ^4, to: declining }
`;
  }
}
