// A switch whose last records were not stored: events up to i were sent, records up to j <= i were stored. The parties go on as SIP
// has them do: they repeat, answer, give up and hang up.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { histories } from "../../support/histories.ts";
import {
  answer,
  dialogOf,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  type StoredRecords,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

/** What a party does of its own will; all else is what SIP makes it do. */
type Will = Readonly<
  | { kind: "answer"; target: number; status: number }
  | { kind: "cancel" }
  | { kind: "hang-up" }
  | { kind: "time"; ms: number }
>;

const anyWill: fc.Arbitrary<Will> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      target: fc.integer({ min: 1, max: 3 }),
      status: fc.constantFrom(100, 180, 183, 200, 200, 200, 404, 486, 503, 603),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ kind: "cancel" as const }, { kind: "hang-up" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("time" as const),
      ms: fc.constantFrom(1, 20, 500, 2_000, 5_000),
    }),
  },
);

const REPEAT_MS = 500;
const GIVES_UP_MS = 32_000;

/** A server behind the proxy: one transaction a branch. */
interface Leg {
  readonly invite: Sent;
  readonly tag: string;
  /** Highest provisional, and the final; 0: none. */
  provisional: number;
  final: number;
  acked: boolean;
  /** The final is repeated until the ACK (RFC 3261 §13.3.1.4, §17.2.1). */
  repeatAt: number;
  finalAt: number;
  cancelled: boolean;
  /** A BYE has come. */
  ended: boolean;
}

/** The caller, three servers, and the nodes one after the other. */
class Network {
  world = new ProxyWorld(WORLD_CONFIG);
  readonly former: ProxyWorld[] = [];
  readonly legs = new Map<string, Leg>();
  /** The records after each event, the oldest first. */
  readonly history: StoredRecords[] = [];
  private seen = 0;
  private final: Sent | null = null;
  /** The node that handed the first final up. */
  private finalBy: ProxyWorld | null = null;
  private hasLost = false;
  private hasHeard = false;
  private cancelledAt = Number.POSITIVE_INFINITY;
  private byeAt = Number.POSITIVE_INFINITY;
  private byeAnswered = false;
  private inviteRepeatAt: number;

  constructor() {
    this.inviteRepeatAt = this.world.now + REPEAT_MS;
    this.world.receive(request("INVITE"));
    this.settle();
  }

  apply(will: Will): void {
    if (will.kind === "answer") this.answer(will.target, will.status);
    else if (will.kind === "cancel") this.cancel();
    else if (will.kind === "hang-up") this.hangUp();
    else this.pass(will.ms);
    this.settle();
    this.history.push(this.world.stored());
  }

  switch(lost: number): void {
    this.hasLost = lost > 0;
    const stored = this.history.at(-1 - lost) ?? { at: this.world.now, records: [] };
    this.former.push(this.world);
    this.world = new ProxyWorld(WORLD_CONFIG, undefined, this.world.now);
    this.world.restore(stored);
    this.seen = 0;
  }

  /** Everybody waits as long as SIP lets them, the caller hangs up, and waits again. */
  end(): void {
    this.pass(230_000);
    if (this.final === null) this.cancel();
    this.pass(70_000);
    this.hangUp();
    this.pass(70_000);
  }

  /** Legs that talk, as far as their server knows. */
  talking(): Leg[] {
    return [...this.legs.values()].filter((leg) => leg.final === 200 && leg.acked && !leg.ended);
  }

  get cdrIds(): string[] {
    return [...this.former, this.world].flatMap(({ cdrs }) => cdrs.map(({ id }) => id));
  }

  /** The caller had its first final from the node that took over. */
  get isFinalBySuccessor(): boolean {
    return this.finalBy === this.world;
  }

  get isAnswered(): boolean {
    return this.final?.message.status === 200;
  }

  pass(ms: number): void {
    const end = this.world.now + ms;
    while (this.world.now < end) {
      this.world.pass(Math.min(10, end - this.world.now));
      this.settle();
      this.repeat();
    }
  }

  /** Who waits for something sends again what it is to bring. */
  private repeat(): void {
    const { now } = this.world;
    if (!this.hasHeard && now >= this.inviteRepeatAt && now < GIVES_UP_MS) {
      this.inviteRepeatAt = now + REPEAT_MS;
      this.world.receive(request("INVITE"));
      this.settle();
    }
    for (const leg of this.legs.values()) {
      if (leg.final < 200 || leg.acked || now < leg.repeatAt || now > leg.finalAt + GIVES_UP_MS) continue;
      leg.repeatAt = now + 2_000;
      this.world.receive(answer(leg.invite.message, leg.final, { tag: leg.tag }), leg.invite.flow);
      this.settle();
    }
    if (now >= this.byeAt && !this.byeAnswered && now < this.byeAt + GIVES_UP_MS) this.sendBye();
  }

  private answer(target: number, status: number): void {
    const leg = [...this.legs.values()].find(({ invite }) => invite.flow.address === pbx(target).address);
    if (leg === undefined || leg.final > 0 || (leg.cancelled && status < 300)) return;
    if (status < 200) leg.provisional = Math.max(leg.provisional, status);
    else this.finishLeg(leg, status);
    this.world.receive(answer(leg.invite.message, status, { tag: leg.tag }), leg.invite.flow);
  }

  private finishLeg(leg: Leg, status: number): void {
    leg.final = status;
    leg.finalAt = this.world.now;
    leg.repeatAt = this.world.now + REPEAT_MS;
  }

  private cancel(): void {
    if (this.final !== null || !this.hasHeard || this.cancelledAt < Number.POSITIVE_INFINITY) return;
    this.cancelledAt = this.world.now;
    this.world.receive(request("CANCEL"));
    this.settle();
  }

  private hangUp(): void {
    if (!this.isAnswered || this.byeAt < Number.POSITIVE_INFINITY) return;
    this.byeAt = this.world.now;
    this.sendBye();
  }

  private sendBye(): void {
    const leg = this.answeredLeg();
    if (leg === null) return;
    this.byeAt = this.world.now - (this.world.now - this.byeAt);
    this.world.receive(request("BYE", { ...dialogOf(leg.invite, "BYE"), toTag: leg.tag }));
    this.settle();
  }

  private answeredLeg(): Leg | null {
    const tag = this.final?.message.toTag ?? "";
    return [...this.legs.values()].find((leg) => leg.tag === tag) ?? null;
  }

  /** Each message that the proxy sent is taken by whom it was sent to. */
  private settle(): void {
    while (this.seen < this.world.sent.length) {
      const sent = this.world.sent[this.seen++];
      if (sent === undefined) continue;
      if (sent.to.startsWith("udp:192.0.2.1:")) this.callerTakes(sent);
      else this.serverTakes(sent);
    }
  }

  private callerTakes(sent: Sent): void {
    const { message } = sent;
    if (message.isRequest) {
      if (message.method === "BYE") this.world.receive(answer(message, 200), sent.flow);
      return;
    }
    if (message.cseqMethod === "BYE" && message.status >= 200) this.byeAnswered = true;
    if (message.cseqMethod !== "INVITE") return;
    this.hasHeard = true;
    if (message.status < 200) return;
    const isFirst = this.final === null;
    if (isFirst) [this.final, this.finalBy] = [sent, this.world];
    const first = this.final;
    const isOther = !isFirst && message.status < 300 && message.toTag !== first?.message.toTag;
    if (isOther) {
      // The node that answered is gone with what it knew of that: no other can know that another answer is one too many.
      assert.ok(this.hasLost && this.finalBy !== this.world, "never the answers of two targets");
      this.endOther(message.toTag);
      return;
    }
    if (first === null || first.message.status !== message.status) return;
    if (message.status >= 300) this.world.receive(request("ACK"));
    else {
      const leg = this.answeredLeg();
      if (leg === null) return;
      const parts = { ...dialogOf(leg.invite, "ACK"), toTag: leg.tag, cseq: 1 };
      this.world.receive(request("ACK", parts));
      // Who has given up and is answered all the same hangs up (§15).
      if (this.cancelledAt < Number.POSITIVE_INFINITY) this.hangUp();
    }
  }

  /** As with any fork: ACK, and BYE (§13.2.2.4). */
  private endOther(tag: string): void {
    const leg = this.legOf(tag);
    if (leg === undefined) return;
    for (const [method, cseq] of [
      ["ACK", 1],
      ["BYE", 2],
    ] as const) {
      // Not the transaction of the BYE that ends the dialog which the caller keeps.
      const via = `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother${method};rport`;
      this.world.receive(request(method, { ...dialogOf(leg.invite, method), toTag: tag, cseq, via }));
    }
  }

  private serverTakes(sent: Sent): void {
    const { message, flow } = sent;
    const { branch } = message.topVia;
    if (message.method === "INVITE") {
      if (this.legs.has(branch)) return; // absorbed (§17.2.1)
      assert.ok(
        [...this.legs.values()].every(({ invite }) => invite.flow.address !== flow.address),
        "never a second call at one target",
      );
      const fresh = { provisional: 0, final: 0, acked: false, cancelled: false, ended: false };
      const times = { repeatAt: Number.POSITIVE_INFINITY, finalAt: 0 };
      this.legs.set(branch, { ...fresh, ...times, invite: sent, tag: branch });
    } else if (message.method === "ACK") {
      const leg = this.legs.get(branch) ?? this.legOf(message.toTag);
      if (leg !== undefined) leg.acked = true;
    } else if (message.method === "CANCEL") {
      const leg = this.legs.get(branch);
      this.world.receive(answer(message, leg === undefined ? 481 : 200), flow);
      if (leg === undefined || leg.final > 0) return;
      leg.cancelled = true;
      this.finishLeg(leg, 487);
      this.world.receive(answer(leg.invite.message, 487, { tag: leg.tag }), flow);
    } else if (message.method === "BYE") {
      const leg = this.legOf(message.toTag);
      if (leg !== undefined) leg.ended = true;
      this.world.receive(answer(message, 200), flow);
    }
  }

  private legOf(tag: string): Leg | undefined {
    return [...this.legs.values()].find((leg) => leg.tag === tag);
  }
}

test("after a switch that lost its last records no call is doubled, and none is left up with nobody on it", (t) => {
  const cut = fc.record({ at: fc.nat(10), lost: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(fc.array(anyWill, { minLength: 1, maxLength: 10 }), cut, (wills, { at, lost }) => {
      const network = new Network();
      for (const [index, will] of wills.entries()) {
        network.apply(will);
        if (index === Math.min(at, wills.length - 1)) network.switch(lost);
      }
      network.end();
      assert.deepEqual(network.talking(), [], "nobody talks to nobody");
      assert.ok(new Set(network.cdrIds).size <= 1, "one call, one account");
      if (lost === 0 || network.isFinalBySuccessor)
        assert.equal(new Set(network.cdrIds).size, 1, "and it is written");
      network.pass(260_000);
      const { contexts, branches, ownRequests } = network.world.proxy.status();
      assert.equal(contexts + branches + ownRequests, 0, "nothing is left running");
    }),
    histories(t, { few: 300, withinMs: 6_000 }),
  );
});
