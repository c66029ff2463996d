// A switch at any moment with everything stored: nobody can tell the successor from the node that died.
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
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

type Event = Readonly<
  | { kind: "response"; target: number; status: number; nth: number }
  | { kind: "cancel" }
  | { kind: "retransmission" }
  | { kind: "ack" }
  | { kind: "time"; ms: number }
  | { kind: "failure"; target: number }
  | { kind: "in-dialog"; method: string; status: number }
>;

const EAGER = "to: pbx, failover: { afterProgress: true, noProgressAfter: 4s, on: [3xx, 4xx, 5xx, 6xx] } }";
const WORLDS = [
  { name: "defaults", config: WORLD_CONFIG, body: "" },
  { name: "every code leads on", config: WORLD_CONFIG.replace("to: pbx }", EAGER), body: "" },
  {
    name: "too large for UDP",
    config: WORLD_CONFIG.replaceAll(";transport=udp", "").replace("to: pbx }", EAGER),
    body: "x".repeat(1_400),
  },
];

const statuses = [100, 100, 180, 183, 200, 200, 302, 401, 404, 408, 480, 486, 487, 500, 503, 600, 603];
const target = fc.integer({ min: 1, max: 3 });
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("response" as const),
      target,
      status: fc.constantFrom(...statuses),
      nth: fc.integer({ min: 0, max: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "cancel" as const }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: "retransmission" as const }, { kind: "ack" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("time" as const),
      ms: fc.constantFrom(1, 499, 500, 1_999, 2_000, 4_000, 32_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("failure" as const), target }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("in-dialog" as const),
      method: fc.constantFrom("PRACK", "UPDATE", "INVITE", "BYE"),
      status: fc.constantFrom(200, 200, 481, 491),
    }),
  },
);

/** The parties of one call, and the node that serves them: at first one, after the switch another one. */
class Run {
  world: ProxyWorld;
  private readonly config: string;
  private readonly invite: string;
  private readonly sent: Sent[] = [];
  private readonly heard = new Map<string, number[]>();
  private cseq = 2;
  private readonly former: ProxyWorld[] = [];

  constructor({ config, body }: (typeof WORLDS)[number]) {
    this.config = config;
    this.world = new ProxyWorld(config);
    this.invite = request("INVITE", { body });
    this.world.receive(this.invite);
    this.note();
  }

  switch(): void {
    const stored = this.world.stored();
    this.former.push(this.world);
    this.world = new ProxyWorld(this.config, undefined, this.world.now);
    this.world.restore(stored);
    const again = this.world.stored();
    assert.deepEqual(new Map(again.records), new Map(stored.records), "what is restored is stored alike");
  }

  apply(event: Event): void {
    const { world } = this;
    switch (event.kind) {
      case "response":
        this.respond(event);
        break;
      case "cancel":
        world.receive(request("CANCEL"));
        break;
      case "retransmission":
        // Later than Timer H and L nobody repeats an INVITE (RFC 3261 §17.1.1.2).
        if (world.now < (this.final()?.at ?? world.now) + 30_000) world.receive(this.invite);
        break;
      case "ack":
        this.acknowledge();
        break;
      case "time":
        world.pass(event.ms);
        break;
      case "failure":
        world.fail(pbx(event.target));
        break;
      case "in-dialog":
        this.inDialog(event);
        break;
    }
    this.note();
  }

  finish(): void {
    for (let n = 0; n < 8; n++) {
      this.world.pass(40_000);
      this.note();
      this.acknowledge();
    }
    this.note();
  }

  /** Nobody ACKs what has not come. */
  private acknowledge(): void {
    const final = this.final();
    if (final !== undefined && final.message.status >= 300) this.world.receive(request("ACK"));
  }

  /** The first final of the INVITE that began it all. */
  private final(): Sent | undefined {
    return this.sent.find(
      ({ message }) => message.status >= 200 && message.cseqMethod === "INVITE" && message.cseqNumber === 1,
    );
  }

  /** What went over the wire: when, where, what. Of what is due in one millisecond nobody can say which comes first. */
  get wire(): string[] {
    return this.sent.map(({ at, to, text }) => `${String(at).padStart(9, "0")} ${to} ${text}`).sort();
  }

  /** An early dialog was ended and its INVITE had no 487 (§15.1.2): to a successor that is a call whose answer was not stored. */
  get isMisled(): boolean {
    return [...this.former, this.world].some((world) => world.count("restored.answered-before") > 0);
  }

  get cdrs(): object[] {
    return [...this.former, this.world].flatMap(({ cdrs }) => cdrs);
  }

  private respond({ target: number, status, nth }: Extract<Event, { kind: "response" }>): void {
    const invites = this.sent.filter(
      ({ message, flow }) => message.method === "INVITE" && flow.address === pbx(number).address,
    );
    const sent = invites.at(nth === 0 ? 0 : -1);
    // With its INVITE over it is a stray, and which stray went up first is stored nowhere.
    const isOver = !this.world.stored().records.some(([key]) => key.startsWith("invite z9hG4bKalice1 "));
    if (sent === undefined || isOver) return;
    const { branch } = sent.message.topVia;
    const heard = this.heard.get(branch) ?? [];
    const final = heard.find((each) => each >= 200);
    // A server has one final; its 2xx it repeats until the ACK, the others too.
    if (final !== undefined && status !== final) return;
    this.heard.set(branch, [...heard, status]);
    this.world.receive(answer(sent.message, status, { tag: branch }), sent.flow);
  }

  /** A request of the caller, and its answer at once. */
  private inDialog({ method, status }: Extract<Event, { kind: "in-dialog" }>): void {
    const up = this.sent.find(({ message }) => message.status > 100 && message.cseqMethod === "INVITE");
    const invite = this.sent.find(
      ({ message }) => message.method === "INVITE" && message.topVia.branch === up?.message.toTag,
    );
    if (invite === undefined || up === undefined) return;
    this.cseq++;
    const parts = { ...dialogOf(invite, `${method}${this.cseq}`), toTag: up.message.toTag, cseq: this.cseq };
    const before = this.world.sent.length;
    this.world.receive(request(method, parts));
    const forwarded = this.world.sent.slice(before).find(({ message }) => message.method === method);
    if (forwarded === undefined) return;
    this.world.receive(answer(forwarded.message, status), forwarded.flow);
    if (method === "INVITE") this.world.receive(request("ACK", parts));
  }

  private note(): void {
    this.sent.push(...this.world.sent.splice(0));
  }
}

for (const world of WORLDS) {
  test(`with all stored the successor does what the active would have done, to the byte and the millisecond: ${world.name}`, (t) => {
    const switchAt = fc.array(fc.nat(15), { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 14 }), switchAt, (events, places) => {
        const [control, switched] = [new Run(world), new Run(world)];
        for (const [index, event] of events.entries()) {
          if (places.includes(index)) switched.switch();
          control.apply(event);
          switched.apply(event);
        }
        switched.switch();
        control.finish();
        switched.finish();
        if (switched.isMisled) return;
        assert.deepEqual(switched.wire, control.wire);
        assert.deepEqual(switched.cdrs, control.cdrs);
        assert.deepEqual(switched.world.stored().records, control.world.stored().records);
      }),
      histories(t, { few: 400, withinMs: 4_000 }),
    );
  });
}
