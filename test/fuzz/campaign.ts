// Damaged messages against a whole node in simulated time: alone, and in the midst of calls that they belong to.
import assert from "node:assert/strict";
import type { Flow } from "../../src/transport/flow.ts";
import { Actors, type Delivery, VALID } from "./actors.ts";
import { collectionSizes } from "./collections.ts";
import { FuzzWorld, isStranger, type Parcel, PBXS, SOURCES } from "./fuzz-world.ts";
import { mutate } from "./mutate.ts";
import { threadMs } from "./processor-time.ts";
import { Random } from "./random.ts";

/** Messages between two looks at what is kept. */
const ROUND = 10_000;
/** Beyond Timer C and 64*T1 after it, twice. */
const QUIET_MS = 500_000;
/** Beyond the longest call. */
const LONGEST_CALL_MS = 13 * 3_600_000;
/** Entries that a round may leave in caches and other bounded tables. */
const LEFT_MAX = 10_000;

/** Characters of a message that an error shows; the seed gives the rest. */
const SHOWN_MAX = 4_000;

export interface CampaignResult {
  readonly messages: number;
  readonly calls: number;
  readonly validCalls: number;
  /** Messages that the node sent. */
  readonly sent: number;
  /** The longest that one message took, in milliseconds of the processor, and how it begins. */
  readonly slowest: { readonly ms: number; readonly text: string };
  /** What the node counted, by name. */
  readonly counters: Readonly<Record<string, number>>;
  /** Most contexts at a time. */
  readonly contextsMax: number;
}

export interface CampaignOptions {
  readonly seed: number;
  /** Damaged messages. */
  readonly messages: number;
  readonly corpus: readonly string[];
  /** Called after each round. */
  readonly onRound?: (messages: number) => void;
}

class Campaign {
  private readonly world = new FuzzWorld();
  private readonly random: Random;
  private readonly actors: Actors;
  private readonly options: CampaignOptions;
  private readonly sizesAtStart: ReadonlyMap<string, number>;
  private readonly inbox: Delivery[] = [];
  private slowest = { ms: 0, text: "" };
  private messages = 0;
  private calls = 0;
  private sent = 0;
  private contextsMax = 0;
  private last = { text: "", from: "" };

  constructor(options: CampaignOptions) {
    this.options = options;
    this.random = new Random(options.seed);
    this.actors = new Actors(this.random);
    this.sizesAtStart = collectionSizes(this.world.proxy);
  }

  run(): CampaignResult {
    const { messages, onRound } = this.options;
    try {
      while (this.messages < messages) {
        const end = Math.min(messages, this.messages + ROUND);
        while (this.messages < end) this.step();
        this.settle();
        onRound?.(this.messages);
      }
      this.endCalls();
    } catch (error) {
      const { text, from } = this.last;
      const at = `message ${this.messages}, seed ${this.options.seed}, from ${from}: ${JSON.stringify(text.slice(0, SHOWN_MAX))}`;
      throw new Error(`${(error as Error).message}\n${at}`, { cause: error });
    }
    const { calls, sent, slowest, contextsMax } = this;
    const { counters } = this.world.proxy.status();
    return {
      messages: this.messages,
      calls,
      sent,
      slowest,
      contextsMax,
      counters,
      validCalls: this.actors.served,
    };
  }

  private step(): void {
    const { random, world } = this;
    const dice = random.below(100);
    if (dice < 45) this.throwIn();
    else if (dice < 55)
      this.inbox.push(this.actors.call(`${random.once(20) ? VALID : "call-"}${this.calls++}`));
    else if (dice < 57 && this.actors.running.size === 0) {
      world.proxy.transportFailure(
        random.pick(PBXS),
        random.pick(["refused", "timeout", "closed", "overflow"]),
      );
      this.take(world.take());
    }
    // Random order, as networks have it.
    for (let times = random.below(4); times > 0 && this.inbox.length > 0; times--) {
      const [delivery] = this.inbox.splice(random.below(Math.min(8, this.inbox.length)), 1);
      if (delivery !== undefined) this.deliver(delivery);
    }
    // A valid call would suffer from an outage as from a long silence, and rightly so.
    const isLong = random.once(100) && this.actors.running.size === 0;
    this.take(world.skip(random.below(isLong ? 40_000 : 30)));
    if (random.once(50)) this.contextsMax = Math.max(this.contextsMax, world.proxy.status().contexts);
  }

  /** A damaged message that belongs to nothing. */
  private throwIn(): void {
    const from = this.random.pick(SOURCES);
    const text = this.random.pick(this.options.corpus);
    const before = isStranger(from) ? this.world.proxy.status() : null;
    this.damage(text, from);
    if (before === null) return;
    const after = this.world.proxy.status();
    assert.ok(
      after.contexts <= before.contexts && after.ownRequests <= before.ownRequests,
      "state for a stranger",
    );
  }

  /** A message of a running call: as it is, damaged, both in either order, twice, or not at all. */
  private deliver({ text, flow, valid }: Delivery): void {
    const { random } = this;
    if (valid) {
      this.feed(text, flow);
      return;
    }
    const way = random.below(10);
    if (way < 4) this.damage(text, random.once(8) ? random.pick(SOURCES) : flow);
    if (way < 8) this.feed(text, flow);
    if (way >= 3 && way < 6) this.damage(text, flow);
    if (way === 7) this.feed(text, flow);
  }

  private damage(text: string, flow: Flow): void {
    this.messages++;
    this.feed(mutate(text, this.random, this.options.corpus), flow);
  }

  private feed(text: string, flow: Flow): void {
    this.last = { text, from: `${flow.transport}:${flow.address}` };
    const start = threadMs();
    const sent = this.world.feed(text, flow);
    const ms = threadMs() - start;
    if (ms > this.slowest.ms) this.slowest = { ms, text: text.slice(0, 200) };
    this.take(sent);
  }

  private take(sent: readonly Parcel[]): void {
    this.sent += sent.length;
    for (const parcel of sent) this.inbox.push(...this.actors.react(parcel));
  }

  /** Delivers what is on its way, lets time pass until nothing can happen any more, and looks at what is left. */
  private settle(): void {
    const { world } = this;
    for (let delivery = this.inbox.shift(); delivery !== undefined; delivery = this.inbox.shift()) {
      this.feed(delivery.text, delivery.flow);
      if (this.inbox.length === 0) this.take(world.skip(100));
    }
    assert.deepEqual([...this.actors.running.keys()], [], "valid calls that were not served");
    // Nobody answers any more.
    for (let passed = 0; passed < QUIET_MS; passed += 1_000) this.sent += world.skip(1_000).length;
    this.last = { text: "(time)", from: "" };
    // Calls of earlier rounds reach their longest duration at any time: their BYEs end by themselves, and new ones begin meanwhile.
    const before = ownRequests(world);
    this.sent += world.skip(40_000).length;
    const now = new Set(ownRequests(world));
    assert.deepEqual(
      before.filter((key) => now.has(key)),
      [],
      "own requests that are kept",
    );
    const { pending, contexts, branches } = world.proxy.status();
    assert.deepEqual(
      { pending, contexts, branches },
      { pending: 0, contexts: 0, branches: 0 },
      "what is kept after all timers",
    );
    const timersMax = world.calls.size + now.size;
    assert.ok(world.wheel.size <= timersMax, `${world.wheel.size} timers, ${timersMax} at most`);
    for (const [path, size] of collectionSizes(world.proxy)) {
      const allowed = path.startsWith("core.calls") ? Number.POSITIVE_INFINITY : LEFT_MAX;
      assert.ok(size - (this.sizesAtStart.get(path) ?? 0) <= allowed, `${path} has grown to ${size}`);
    }
    const { counters } = world.proxy.status();
    assert.ok(Object.keys(counters).length < 200, "names of counters are not the peers' to make");
  }

  /** After the longest call that there may be, nothing at all is left. */
  private endCalls(): void {
    const { world } = this;
    for (let passed = 0; passed < LONGEST_CALL_MS; passed += 60_000) this.sent += world.skip(60_000).length;
    for (let passed = 0; passed < QUIET_MS; passed += 1_000) this.sent += world.skip(1_000).length;
    assert.deepEqual(callKeys(world), [], "calls that are still there");
    assert.equal(world.wheel.size, 0, "timers");
    const left = [...collectionSizes(world.proxy)].filter(
      ([path, size]) => size > (this.sizesAtStart.get(path) ?? 0) && !mayStay(path),
    );
    assert.deepEqual(left, [], "collections that have not shrunk again");
  }
}

/** Keys of the requests that the node has sent on its own. */
function ownRequests(world: FuzzWorld): unknown[] {
  const { core } = world.proxy as unknown as { core: { own: ReadonlyMap<string, unknown> } };
  return [...core.own.keys()];
}

/** The calls that the table knows. */
function callKeys(world: FuzzWorld): unknown[] {
  const { calls } = world.calls as unknown as { calls: ReadonlyMap<string, unknown> };
  return [...calls.keys()];
}

/** Counters; caches, and tables that are cleared when next used: bounded, as each round has checked. */
const MAY_STAY = new Set([
  "core.counters.values",
  "core.keptCancels",
  "core.strayFinals",
  "core.unanswered",
  "core.calls.seizures",
  "core.withoutTcp",
  "core.tokens.texts",
  "core.tokens.endpoints",
  "core.tokens.recent",
  "core.identity.egresses.udp",
  "core.identity.egresses.tcp",
]);

/** A list, and what is in it. */
function mayStay(path: string): boolean {
  return MAY_STAY.has(path.replace(/\.\d+$/, ""));
}

/** @throws with the message that did it, as JSON, where the node throws, keeps something, or fails a valid call */
export function runCampaign(options: CampaignOptions): CampaignResult {
  return new Campaign(options).run();
}
