// The lab: a small telephone network out of network namespaces, joined by bridges. All of it lives in namespaces
// of its own, the bridges included, so the machine's interfaces, routes and filters are neither used nor changed.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand, tryCommand } from "./command.ts";
import { type Attachment, Host } from "./host.ts";
import type { Program } from "./program.ts";
import { isAbandoned, newRunId } from "./run-id.ts";

const NAMESPACES = "/run/netns";
const FATAL_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface LabOptions {
  /** Names of the networks, each a bridge; up to ten characters. Network i has 10.77.i.0/24 and fd77:(i + 1)::/64. */
  networks?: readonly string[];
}

export interface HostOptions {
  /** Host part of its addresses, 1..254. */
  number: number;
  /** The networks it is attached to; default: the first one. */
  networks?: readonly string[];
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no namespace was ever made on this machine
  }
}

/** Ends every process in these namespaces and deletes them. What fails is returned. */
function removeNamespaces(names: readonly string[]): Error[] {
  const failures: Error[] = [];
  for (const name of names) {
    try {
      for (const pid of runCommand(["ip", "netns", "pids", name]).split("\n").filter(Boolean)) {
        try {
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // ended by itself between the listing and the signal
        }
      }
    } catch (error) {
      failures.push(error as Error);
    }
  }
  if (names.length > 0) {
    const failure = tryCommand(
      ["ip", "-force", "-batch", "-"],
      names.map((name) => `netns del ${name}\n`).join(""),
    );
    if (failure !== null) failures.push(failure);
  }
  return failures;
}

/** Removes what crashed runs have left: namespaces and directories whose owner's process is gone. */
export function removeLeftOvers(): void {
  removeNamespaces(listNames(NAMESPACES).filter(isAbandoned));
  for (const name of listNames(tmpdir()).filter(isAbandoned)) {
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/**
 * A running lab. Removed by `close()`, by `using`, and else when the process exits for whatever reason it can notice:
 * the end of the program, an uncaught error, SIGINT, SIGTERM, SIGHUP. A SIGKILL ends its programs at once; the
 * namespaces then go at the start of the next lab.
 */
export class Lab implements Disposable {
  readonly id: string;
  /** Output of programs, scenario files, captures. Kept after the end when TANDEM_LAB_KEEP is set. */
  readonly directory: string;
  readonly #switch: string;
  readonly #networks: readonly string[];
  readonly #namespaces: string[] = [];
  readonly #programs: Program[] = [];
  readonly #onExit = (): void => this.close();
  readonly #onSignal = (signal: (typeof FATAL_SIGNALS)[number]): void => {
    this.close();
    process.exit(SIGNAL_EXIT_CODES[signal]);
  };
  #open = true;

  constructor(options: LabOptions = {}) {
    removeLeftOvers();
    this.id = newRunId();
    this.directory = join(tmpdir(), this.id);
    this.#networks = options.networks ?? ["front"];
    this.#switch = `${this.id}-switch`;
    process.on("exit", this.#onExit);
    for (const signal of FATAL_SIGNALS) process.on(signal, this.#onSignal);
    try {
      mkdirSync(this.directory);
      this.#addNamespace(this.#switch);
      const bridges = this.#networks.flatMap((network) => [
        // No multicast snooping: it would hold back IPv6 neighbour discovery until the bridge has learned of us.
        `link add br-${network} type bridge forward_delay 0 mcast_snooping 0`,
        `link set br-${network} up`,
      ]);
      this.#configure(this.#switch, bridges);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Adds a host: a namespace with one interface a network, up and with its addresses usable at once. */
  host(name: string, options: HostOptions): Host {
    const namespace = `${this.id}-${name}`;
    const attachments = (options.networks ?? this.#networks.slice(0, 1)).map((network, index): Attachment => {
      const net = this.#networks.indexOf(network);
      if (net === -1) throw new Error(`no network ${network} in this lab`);
      return {
        network,
        interface: `eth${index}`,
        port: `p${this.#namespaces.length}-${index}`,
        ip4: `10.77.${net}.${options.number}`,
        ip6: `fd77:${net + 1}::${options.number.toString(16)}`,
      };
    });
    this.#addNamespace(namespace);
    for (const { interface: device, port, network, ip4, ip6 } of attachments) {
      runCommand(
        ["ip", "-batch", "-"],
        `link add ${device} netns ${namespace} type veth peer name ${port} netns ${this.#switch}\n`,
      );
      this.#configure(this.#switch, [`link set ${port} master br-${network} up`]);
      // nodad: without it an IPv6 address cannot be bound for a second (duplicate address detection).
      this.#configure(namespace, [
        `link set ${device} up`,
        `address add ${ip4}/24 dev ${device}`,
        `address add ${ip6}/64 dev ${device} nodad`,
      ]);
    }
    return new Host({
      name,
      namespace,
      switchNamespace: this.#switch,
      directory: this.directory,
      attachments,
      onStart: (program) => this.#programs.push(program),
    });
  }

  /** The switch itself: a capture on its `br-<network>` sees each frame between any two hosts once. */
  switchHost(): Host {
    return new Host({
      name: "switch",
      namespace: this.#switch,
      switchNamespace: this.#switch,
      directory: this.directory,
      attachments: [],
      onStart: (program) => this.#programs.push(program),
    });
  }

  /** Ends all programs and removes everything. Safe to call twice. Synchronous: it also runs while we exit. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.off("exit", this.#onExit);
    for (const signal of FATAL_SIGNALS) process.off(signal, this.#onSignal);
    for (const program of this.#programs) program.kill("SIGKILL");
    const failures = removeNamespaces(this.#namespaces);
    if (process.env["TANDEM_LAB_KEEP"] === undefined)
      rmSync(this.directory, { recursive: true, force: true });
    for (const failure of failures) process.stderr.write(`lab ${this.id}: ${failure.message}\n`);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #addNamespace(name: string): void {
    this.#namespaces.push(name);
    runCommand(["ip", "netns", "add", name]);
    this.#configure(name, ["link set lo up"]);
  }

  #configure(namespace: string, lines: readonly string[]): void {
    runCommand(["ip", "-n", namespace, "-batch", "-"], lines.map((line) => `${line}\n`).join(""));
  }
}
