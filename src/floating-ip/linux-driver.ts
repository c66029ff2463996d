/**
 * The floating IP on a Linux interface. Each address has a lifetime in the kernel, which the engine renews: an engine that
 * freezes or dies renews no more, and the kernel takes the address away by itself. That is the fence.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Added, DriverEvents, FloatingIpDriver, HeldAddress, Removed, Renewal } from "./driver.ts";
import { type PlacedAddress, sameAddress } from "./floating-address.ts";
import { FloatingIpError } from "./floating-ip-error.ts";
import { type IpAnswer, IpBatch } from "./ip-batch.ts";
import { keepLines, removeLines, showLine } from "./ip-lines.ts";
import { failureKind, findAddresses, type ShownAddress } from "./ip-reply.ts";
import { renewalStep, type Tenure } from "./tenure.ts";

/** An answer of `ip` takes 2 ms; past this the process is replaced. Long enough for a machine that is busy. */
const ANSWER_WAIT_MS = 250;

/** At the start nothing hurries, and a machine that boots is slow. */
const START_WAIT_MS = 5_000;

/** Each with a new process after the first: what two new ones can't remove is left to the kernel's lifetime. */
const REMOVE_ATTEMPTS_MAX = 3;

export interface LinuxDriverOptions {
  /** One or more, IPv4 and IPv6, on one interface or several. They come and go together. */
  readonly addresses: readonly PlacedAddress[];
  /** Whole seconds, 1..60. */
  readonly lifetimeS: number;
  readonly events: DriverEvents;
  /** Default: "ip", looked for in PATH and the sbin folders. */
  readonly program?: string;
}

export class LinuxDriver implements FloatingIpDriver {
  readonly #options: LinuxDriverOptions;
  readonly #lifetimeMs: number;
  /** The one interface of all addresses; null: there are several, and all of the machine's are looked at. */
  readonly #device: string | null;
  #batch: IpBatch | null = null;
  /** Null: the addresses are not ours, or are being given up. */
  #tenure: Tenure | null = null;
  /** Counts additions and removals: an answer that comes after a newer one decides nothing. */
  #turn = 0;
  #removing: Promise<Removed> | null = null;
  #closed = false;

  constructor(options: LinuxDriverOptions) {
    this.#options = options;
    this.#lifetimeMs = options.lifetimeS * 1_000;
    const devices = new Set(options.addresses.map((each) => each.interface));
    this.#device = devices.size === 1 ? ([...devices][0] ?? null) : null;
  }

  async start(): Promise<void> {
    const before = await this.#ask([showLine(null)], START_WAIT_MS);
    const { foreign } = findAddresses(before.shown?.addresses ?? [], this.#options.addresses);
    const [other] = foreign;
    if (other !== undefined) throw foreignError(other);
    // The removal of a left-over is also the proof that we may: the kernel refuses it without the privilege, left-over or not.
    const removal = [...removeLines(this.#options), showLine(this.#device)];
    const after = await this.#ask(removal, START_WAIT_MS);
    this.#refuse(after);
    const { held, tentative } = findAddresses(after.shown?.addresses ?? [], this.#options.addresses);
    const [left] = [...held, ...tentative];
    if (left !== undefined)
      throw new FloatingIpError("FLOATING_IP_FAILED", `${left.address} is left over and can't be removed`);
  }

  async add(): Promise<Added> {
    const begun = performance.now();
    this.#turn += 1;
    this.#removing = null; // a removal that is under way comes before us in the pipe; the next one must come after
    const turn = this.#turn;
    try {
      const answer = await this.#ask([...keepLines(this.#options), showLine(this.#device)]);
      if (turn !== this.#turn)
        throw new FloatingIpError("FLOATING_IP_SUPERSEDED", "the address was given up while it was added");
      this.#refuse(answer);
      const { missing, tentative } = findAddresses(answer.shown?.addresses ?? [], this.#options.addresses);
      const absent = missing[0] ?? tentative[0];
      if (absent !== undefined)
        throw new FloatingIpError("FLOATING_IP_FAILED", `${absent.address} is not there after it was added`);
    } catch (error) {
      if (turn === this.#turn) await this.remove(); // of several addresses some may be there
      throw error;
    }
    this.#tenure = { writtenAt: begun, confirmedAt: begun };
    return { tookMs: performance.now() - begun };
  }

  renew(): Renewal {
    const tenure = this.#tenure;
    if (tenure === null) return "absent";
    const now = performance.now();
    const waitingSince = this.#batch?.waitingSince ?? null;
    const step = renewalStep(tenure, this.#lifetimeMs, { now, waitingSince });
    if (step === "early") return "early";
    if (step === "lapse") {
      // A line may have been left in the pipe while we were frozen, and brings the address back: a delete has to follow it.
      void this.remove();
      return "lapsed";
    }
    if (step === "stuck") {
      this.#options.events.onFault("ip does not answer; its process is replaced");
      void this.#batch?.kill();
      this.#batch = null;
    }
    this.#write(now);
    return "renewed";
  }

  remove(): Promise<Removed> {
    this.#tenure = null; // first of all: no renewal may follow
    this.#turn += 1;
    if (this.#removing !== null) return this.#removing;
    const removing = this.#removeNow().finally(() => {
      if (this.#removing === removing) this.#removing = null;
    });
    this.#removing = removing;
    return removing;
  }

  async status(): Promise<readonly HeldAddress[]> {
    const answer = await this.#ask([showLine(this.#device)]);
    this.#refuse(answer);
    const { held } = findAddresses(answer.shown?.addresses ?? [], this.#options.addresses);
    return this.#options.addresses.map((wanted) => {
      const found = held.find(({ address }) => sameAddress(address, wanted.address));
      const validS = found === undefined || found.validS === Number.POSITIVE_INFINITY ? null : found.validS;
      return { address: wanted.address, held: found !== undefined, validS };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#tenure = null;
    this.#turn += 1;
    await this.#batch?.kill();
    this.#batch = null;
  }

  /** Writes a renewal and notes the answer when it comes. */
  #write(now: number): void {
    const turn = this.#turn;
    this.#tenure = { confirmedAt: this.#tenure?.confirmedAt ?? now, writtenAt: now };
    const lines = [...keepLines(this.#options), showLine(this.#device)];
    this.#open()
      .ask(lines, now)
      .then(
        (answer) => {
          if (turn !== this.#turn || this.#tenure === null) return;
          const { missing } = findAddresses(answer.shown?.addresses ?? [], this.#options.addresses);
          if (answer.failures.length === 0 && missing.length === 0)
            this.#tenure = { ...this.#tenure, confirmedAt: now };
          else
            this.#options.events.onFault(`renewal failed: ${wordsOf(answer) ?? "the address is not there"}`);
        },
        (error: unknown) => {
          if (turn === this.#turn) this.#options.events.onFault(`renewal failed: ${messageOf(error)}`);
        },
      );
  }

  async #removeNow(): Promise<Removed> {
    const begun = performance.now();
    let reason = "";
    for (let attempt = 0; attempt < REMOVE_ATTEMPTS_MAX; attempt++) {
      try {
        const answer = await this.#ask([...removeLines(this.#options), showLine(null)]);
        const { held, tentative, foreign } = findAddresses(
          answer.shown?.addresses ?? [],
          this.#options.addresses,
        );
        const left = [...held, ...tentative, ...foreign];
        if (answer.shown !== null && left.length === 0)
          return { confirmed: true, reason: "removed and read back", tookMs: performance.now() - begun };
        reason = wordsOf(answer) ?? `still there: ${left.map(spell).join(", ")}`;
      } catch (error) {
        reason = messageOf(error);
      }
      await this.#batch?.kill();
      this.#batch = null;
    }
    return { confirmed: false, reason, tookMs: performance.now() - begun };
  }

  #open(): IpBatch {
    if (this.#batch?.running === true) return this.#batch;
    if (this.#batch !== null) this.#options.events.onFault("ip has ended by itself; it is started again");
    this.#batch = new IpBatch(this.#options.program);
    return this.#batch;
  }

  /** Asks and waits; a process that does not answer by then is killed, so that it executes nothing later. */
  async #ask(lines: readonly string[], waitMs = ANSWER_WAIT_MS): Promise<IpAnswer> {
    if (this.#closed) throw new FloatingIpError("FLOATING_IP_FAILED", "the driver is closed");
    const batch = this.#open();
    const answered = new AbortController();
    const late = delay(waitMs, null, { signal: answered.signal }).catch(() => null);
    try {
      const answer = await Promise.race([batch.ask(lines, performance.now()), late]);
      if (answer !== null) return answer;
    } finally {
      answered.abort();
    }
    await batch.kill();
    throw new FloatingIpError("FLOATING_IP_FAILED", `ip did not answer within ${waitMs} ms`);
  }

  /** @throws for what makes the whole hopeless; a delete of what is not there is none of it */
  #refuse(answer: IpAnswer): void {
    for (const { words, line } of answer.failures) {
      const kind = failureKind(words);
      if (kind === "absent") continue;
      if (kind === "forbidden")
        throw new FloatingIpError(
          "FLOATING_IP_PRIVILEGE",
          "the floating IP needs CAP_NET_ADMIN: start as root, or by a service with AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW",
        );
      if (kind === "no-interface")
        throw new FloatingIpError(
          "FLOATING_IP_INTERFACE",
          `the floating IP's interface is not there: ${words}`,
        );
      throw new FloatingIpError("FLOATING_IP_FAILED", `ip ${line}: ${words}`);
    }
  }
}

function foreignError(shown: ShownAddress): FloatingIpError {
  return new FloatingIpError(
    "FLOATING_IP_FOREIGN",
    `${spell(shown)} was put there by somebody else: take it out of the system's own network configuration`,
  );
}

function spell(shown: ShownAddress): string {
  return `${shown.address}/${shown.prefix} on ${shown.interface}`;
}

function wordsOf(answer: IpAnswer): string | null {
  return answer.failures.find(({ words }) => failureKind(words) !== "absent")?.words ?? null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
