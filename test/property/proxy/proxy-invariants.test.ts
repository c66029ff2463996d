// Whatever the caller, three targets, the network and time do: what must hold of a proxied INVITE.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  answer,
  CALLER,
  kindOf,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

type Event = Readonly<
  | { kind: "response"; target: number; status: number; fork: number }
  | { kind: "cancel" }
  | { kind: "retransmission" }
  | { kind: "ack" }
  | { kind: "time"; ms: number }
  | { kind: "failure"; target: number; overTcp: boolean }
  | { kind: "own-answer"; status: number }
>;

interface World {
  readonly name: string;
  readonly config: string;
  readonly body: string;
  readonly more: readonly string[];
}

const NO_TRANSPORT = WORLD_CONFIG.replaceAll(";transport=udp", "");
const EAGER = "to: pbx, failover: { afterProgress: true, noProgressAfter: 4s, on: [3xx, 4xx, 5xx, 6xx] } }";
const WORLDS: readonly World[] = [
  { name: "defaults", config: WORLD_CONFIG, body: "", more: [] },
  { name: "every code leads on", config: WORLD_CONFIG.replace("to: pbx }", EAGER), body: "", more: [] },
  {
    name: "too large for UDP",
    config: NO_TRANSPORT.replace("to: pbx }", EAGER),
    body: "x".repeat(1_400),
    more: [],
  },
  {
    name: "no breadth",
    config: WORLD_CONFIG.replace("to: pbx }", EAGER),
    body: "",
    more: ["Max-Breadth: 1"],
  },
];

const statuses = [100, 100, 180, 183, 200, 200, 302, 401, 404, 408, 480, 486, 487, 500, 503, 600, 603];
const target = fc.integer({ min: 1, max: 3 });
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("response" as const),
      target,
      status: fc.constantFrom(...statuses),
      fork: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "cancel" as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: "retransmission" as const }, { kind: "ack" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("time" as const),
      ms: fc.constantFrom(1, 499, 500, 1_999, 2_000, 4_000, 32_000, 40_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("failure" as const), target, overTcp: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("own-answer" as const), status: fc.constantFrom(200, 481) }),
  },
);

/** One run: the world, and what an observer on the wire has noted. */
class Run {
  readonly world: ProxyWorld;
  /** By branch, in the order of their first sending. */
  readonly branches = new Map<string, Sent>();
  readonly heard = new Map<string, number[]>();
  cancelled = false;
  private seen = 0;
  private readonly invite: string;

  constructor({ config, body, more }: World) {
    this.world = new ProxyWorld(config);
    this.invite = request("INVITE", { body, more });
    this.world.receive(this.invite);
    this.observe();
  }

  apply(event: Event): void {
    const { world } = this;
    // Once the transaction is over nobody repeats a request, and what still answers is no part of it.
    const isOver = world.proxy.status().contexts === 0;
    if (isOver && event.kind !== "time" && event.kind !== "own-answer") return;
    if (event.kind === "response") this.respond(event);
    else if (event.kind === "cancel") {
      world.receive(request("CANCEL"));
      this.cancelled = true;
    } else if (event.kind === "retransmission") world.receive(this.invite);
    else if (event.kind === "ack") world.receive(request("ACK"));
    else if (event.kind === "time") world.pass(event.ms);
    else if (event.kind === "own-answer") this.answerOwn(event.status);
    else if (event.kind === "failure") {
      const at = pbx(event.target);
      world.fail(event.overTcp ? { ...at, transport: "tcp" } : at);
    }
    this.observe();
  }

  /** Time passes until nothing can be running any more; the caller ACKs what it was refused with. */
  finish(): void {
    for (let n = 0; n < 12; n++) {
      this.world.pass(n < 4 ? 20_000 : 40_000);
      this.observe();
      if (this.finals().some((status) => status >= 300)) this.world.receive(request("ACK"));
    }
  }

  /** Finals that went up to the INVITE, each once. */
  finals(): number[] {
    const texts = new Set(
      this.world.sent
        .filter(({ message }) => message.status >= 200 && message.cseqMethod === "INVITE")
        .map(({ text }) => text),
    );
    return [...texts].map((text) => Number(text.slice(8, 11)));
  }

  private respond({ target: number, status, fork }: Extract<Event, { kind: "response" }>): void {
    const at = [...this.branches.values()].filter(({ flow }) => flow.address === pbx(number).address);
    const sent = at[fork - 1] ?? at[0];
    if (sent === undefined) return;
    const { branch } = sent.message.topVia;
    const heard = this.heard.get(branch) ?? [];
    // A server has one final, but for the 2xx of a fork behind it.
    const final = heard.find((each) => each >= 200);
    if (final !== undefined && (status < 200 || status >= 300 !== final >= 300)) return;
    if (final !== undefined && final >= 300 && status !== final) return;
    this.heard.set(branch, [...heard, status]);
    this.world.receive(answer(sent.message, status, { tag: `${branch}-${fork}` }), sent.flow);
  }

  private answerOwn(status: number): void {
    const own = this.world.sent.findLast(
      ({ message }) => message.method === "BYE" || message.method === "CANCEL",
    );
    if (own !== undefined) this.world.receive(answer(own.message, status), own.flow);
  }

  private observe(): void {
    for (; this.seen < this.world.sent.length; this.seen++) {
      const sent = this.world.sent[this.seen];
      if (sent === undefined || sent.message.method !== "INVITE") continue;
      const { branch } = sent.message.topVia;
      if (this.branches.has(branch)) continue;
      assert.ok(!this.cancelled, "never a new branch after the caller's CANCEL");
      assert.ok(!this.isRinging(), "never a second branch while one rings");
      this.branches.set(branch, sent);
    }
  }

  /** Is there a branch with a provisional above 100 and no final, which was not cancelled? */
  private isRinging(): boolean {
    return [...this.heard].some(([branch, statuses]) => {
      const rings =
        statuses.some((status) => status > 100 && status < 200) && !statuses.some((status) => status >= 200);
      return (
        rings &&
        !this.world.sent.some(
          ({ message }) => message.method === "CANCEL" && message.topVia.branch === branch,
        )
      );
    });
  }
}

/** Every 2xx that came either went up or was ended by ACK and BYE. */
function checkAnswers({ world, heard }: Run): void {
  const answered = [...heard].filter(([, statuses]) => statuses.includes(200));
  const tags = (kind: string): Set<string> =>
    new Set(
      world.sent
        .filter(({ message }) => kindOf(message) === kind && message.cseqMethod !== "CANCEL")
        .map(({ message }) => message.toTag),
    );
  const [up, acked, ended] = [tags("200"), tags("ACK"), tags("BYE")];
  for (const [branch] of answered) {
    const of = (set: Set<string>): boolean => [...set].some((tag) => tag.startsWith(`${branch}-`));
    assert.ok(of(up) !== of(ended), `a 2xx goes up or is ended, never both nor neither: ${branch}`);
    if (of(ended)) assert.ok(of(acked), "what is ended is ACKed, too");
  }
}

for (const each of WORLDS) {
  test(`invariants of a proxied INVITE: ${each.name}`, () => {
    const events = fc.array(event, { maxLength: 14 });
    fc.assert(
      fc.property(events, (sequence) => {
        const run = new Run(each);
        for (const step of sequence) run.apply(step);
        run.finish();
        const finals = run.finals();
        const successes = finals.filter((status) => status < 300);
        assert.ok(finals.length > 0, "the caller gets a final");
        assert.ok(
          finals.length === 1 || successes.length === finals.length,
          `one final, or several 2xx: ${finals}`,
        );
        const fromOne = new Set(
          run.world.sent
            .filter(({ message }) => kindOf(message) === "200" && message.cseqMethod === "INVITE")
            .map(({ message }) => message.toTag.split("-")[0]),
        );
        assert.ok(fromOne.size <= 1, "never two targets' answers");
        checkAnswers(run);
        assert.ok(run.world.idle, "nothing is left running");
      }),
      {
        numRuns: Number(process.env["RUNS"] ?? 120),
        interruptAfterTimeLimit: 2_500,
        markInterruptAsFailure: false,
      },
    );
  });
}

test("a non-INVITE request: at most one final, no 408, nothing left", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 10 }), (sequence) => {
      const world = new ProxyWorld(WORLD_CONFIG.replace("to: pbx }", EAGER));
      world.receive(request("MESSAGE"));
      for (const step of sequence) {
        if (world.proxy.status().contexts === 0) break;
        const last = world.sent.findLast(({ message }) => message.method === "MESSAGE");
        if (step.kind === "response" && last !== undefined)
          world.receive(answer(last.message, step.status), last.flow);
        else if (step.kind === "time") world.pass(step.ms);
        else if (step.kind === "failure") world.fail(pbx(step.target));
        else if (step.kind === "retransmission") world.receive(request("MESSAGE"));
        else if (step.kind === "cancel") world.receive(request("CANCEL"));
      }
      for (let n = 0; n < 4; n++) world.pass(40_000);
      const finals = new Set(
        world.sent
          .filter(
            ({ message, flow }) =>
              flow.address === CALLER.address && message.status >= 200 && message.cseqMethod === "MESSAGE",
          )
          .map(({ text }) => text),
      );
      assert.ok(finals.size <= 1);
      assert.ok([...finals].every((text) => !text.startsWith("SIP/2.0 408")));
      assert.ok(world.idle);
    }),
    { numRuns: 120, interruptAfterTimeLimit: 1_500, markInterruptAsFailure: false },
  );
});
