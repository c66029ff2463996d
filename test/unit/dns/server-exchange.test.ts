// One question to several servers: order, time-outs, truncation, what counts as an answer. Manual time, no sockets.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Answer, decode, encode } from "dns-packet";
import type { DnsReply } from "../../../src/dns/exchange.ts";
import { type Carrier, ServerExchange } from "../../../src/dns/server-exchange.ts";
import { TimerEntry, TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";

const QUESTION = { name: "pbx.example", type: "A" } as const;
const TIMEOUT_MS = 1_000;
const TC = 0x200;

type Behaviour = (query: Buffer, transport: "udp" | "tcp") => Buffer[] | "silent" | "refused";

/** @param change what is not as it should be in the answer */
function reply(
  query: Buffer,
  change: {
    id?: number;
    name?: string;
    type?: "AAAA";
    flags?: number;
    ask?: false;
    ttl?: number;
    address?: string;
  } = {},
): Buffer {
  const { id = 0 } = decode(query);
  const name = change.name ?? QUESTION.name;
  const type = change.type ?? QUESTION.type;
  const data = change.address ?? "192.0.2.1";
  const answers: Answer[] =
    (change.flags ?? 0) === 0 ? [{ type: "A", name, ttl: change.ttl ?? 30, data }] : [];
  const questions = change.ask === false ? [] : [{ name, type }];
  return encode({ type: "response", id: change.id ?? id, flags: change.flags ?? 0, questions, answers });
}

const good: Behaviour = (query) => [reply(query)];
const silent: Behaviour = () => "silent";
const refused: Behaviour = () => "refused";
const rcode =
  (code: number): Behaviour =>
  (query) => [reply(query, { flags: code })];

class World {
  now = 0;
  readonly behaviours: Behaviour[];
  /** What was sent, as "transport server". */
  readonly sent: string[] = [];
  readonly queries: Buffer[] = [];
  open = 0;
  readonly exchange: ServerExchange;
  readonly #wheel = new TimerWheel(0, 1);
  #ids = 100;

  constructor(behaviours: Behaviour[], attempts = 2) {
    this.behaviours = behaviours;
    this.exchange = new ServerExchange({
      clock: {
        now: () => this.now,
        wakeAt: (at, wake) => {
          const entry = new TimerEntry(wake);
          this.#wheel.schedule(entry, at);
          return () => this.#wheel.cancel(entry);
        },
      },
      randomId: () => this.#ids++,
      udp: this.#carrier("udp"),
      tcp: this.#carrier("tcp"),
      settings: () => ({
        servers: this.behaviours.map((_, index) => ({ address: `192.0.2.${index}`, port: 53 })),
        timeoutMs: TIMEOUT_MS,
        attempts,
      }),
    });
  }

  #carrier(transport: "udp" | "tcp"): Carrier {
    return {
      send: (server, query, on) => {
        this.sent.push(`${transport} ${server.address}`);
        this.queries.push(query);
        this.open++;
        let open = true;
        const answer = this.behaviours[Number(server.address.split(".")[3])]?.(query, transport) ?? "silent";
        if (answer === "refused") on.failed("connection refused");
        else if (answer !== "silent") for (const bytes of answer) on.message(bytes);
        return () => {
          if (open) this.open--;
          open = false;
        };
      },
    };
  }

  ask(): DnsReply[] {
    const replies: DnsReply[] = [];
    this.exchange.ask(QUESTION, (answer) => replies.push(answer));
    return replies;
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) this.#wheel.advance(++this.now);
  }
}

describe("servers in order", () => {
  const outcome = ([answer]: DnsReply[]) => {
    if (answer?.outcome.kind === "failure") return answer.outcome.reason;
    return [answer?.server, answer?.transport];
  };
  const [first, second] = ["udp 192.0.2.0", "udp 192.0.2.1"];
  const rows: { name: string; behaviours: Behaviour[]; sent: string[]; ends: unknown; afterMs: number }[] = [
    {
      name: "the first answers",
      behaviours: [good, good],
      sent: [first],
      ends: ["192.0.2.0:53", "udp"],
      afterMs: 0,
    },
    {
      name: "the first is silent",
      behaviours: [silent, good],
      sent: [first, second],
      ends: ["192.0.2.1:53", "udp"],
      afterMs: 1_000,
    },
    {
      name: "nobody listens at the first",
      behaviours: [refused, good],
      sent: [first, second],
      ends: ["192.0.2.1:53", "udp"],
      afterMs: 0,
    },
    {
      name: "the first fails (SERVFAIL)",
      behaviours: [rcode(2), good],
      sent: [first, second],
      ends: ["192.0.2.1:53", "udp"],
      afterMs: 0,
    },
    {
      name: "the first does not serve us (REFUSED)",
      behaviours: [rcode(5), good],
      sent: [first, second],
      ends: ["192.0.2.1:53", "udp"],
      afterMs: 0,
    },
    {
      name: "all are silent: two rounds, then failed",
      behaviours: [silent, silent],
      sent: [first, second, first, second],
      ends: "192.0.2.1:53: no answer in time",
      afterMs: 4_000,
    },
    { name: "there is none", behaviours: [], sent: [], ends: "no DNS server is known", afterMs: 0 },
    {
      name: "truncated: the same server by TCP (RFC 7766)",
      behaviours: [(query, transport) => [reply(query, transport === "udp" ? { flags: TC } : {})], good],
      sent: [first, "tcp 192.0.2.0"],
      ends: ["192.0.2.0:53", "tcp"],
      afterMs: 0,
    },
    {
      name: "truncated, and TCP is refused: the next server",
      behaviours: [
        (query, transport) => (transport === "udp" ? [reply(query, { flags: TC })] : "refused"),
        good,
      ],
      sent: [first, "tcp 192.0.2.0", second],
      ends: ["192.0.2.1:53", "udp"],
      afterMs: 0,
    },
    {
      name: "truncated, and TCP is silent: the next server after the time-out",
      behaviours: [
        (query, transport) => (transport === "udp" ? [reply(query, { flags: TC })] : "silent"),
        good,
      ],
      sent: [first, "tcp 192.0.2.0", second],
      ends: ["192.0.2.1:53", "udp"],
      afterMs: 1_000,
    },
    {
      name: "a server from before EDNS (FORMERR): again without",
      behaviours: [
        (query) => [reply(query, (decode(query).additionals ?? []).length > 0 ? { flags: 1 } : {})],
      ],
      sent: [first, first],
      ends: ["192.0.2.0:53", "udp"],
      afterMs: 0,
    },
  ];
  for (const { name, behaviours, sent, ends, afterMs } of rows) {
    test(name, () => {
      const world = new World(behaviours);
      const replies = world.ask();
      if (afterMs > 0) {
        world.run(afterMs - 1);
        assert.equal(replies.length, 0);
        world.run(1);
      }
      assert.deepEqual([world.sent, outcome(replies)], [sent, ends]);
      assert.equal(replies[0]?.tookMs, afterMs);
      world.run(10_000);
      assert.deepEqual([replies.length, world.open], [1, 0]);
    });
  }

  test("a silent server is asked last for 30 s, then in its own place again", () => {
    const world = new World([silent, good]);
    world.ask();
    world.run(1_000);
    world.sent.splice(0);
    world.ask();
    assert.deepEqual(world.sent, [second]);
    world.run(30_000);
    world.sent.splice(0);
    world.behaviours[0] = good;
    world.ask();
    assert.deepEqual(world.sent, [first]);
  });

  test("a silent server that answers is trusted again at once", () => {
    const world = new World([silent, silent]);
    world.ask();
    world.run(4_000);
    world.behaviours[0] = good;
    world.ask();
    world.sent.splice(0);
    world.ask();
    assert.deepEqual(world.sent, [first]);
  });

  test("every try has an id of its own", () => {
    const world = new World([silent, silent]);
    world.ask();
    world.run(5_000);
    assert.equal(new Set(world.queries.map((query) => decode(query).id)).size, 4);
  });
});

describe("what is no answer to the question is counted and passed over (RFC 5452 §9.1)", () => {
  const rows: { name: string; bad: (query: Buffer) => Buffer; counter: "garbage" | "mismatched" }[] = [
    { name: "nothing", bad: () => Buffer.alloc(0), counter: "garbage" },
    { name: "text", bad: () => Buffer.from("SIP/2.0 200 OK\r\n\r\n"), counter: "garbage" },
    { name: "cut off", bad: (query) => reply(query).subarray(0, 40), counter: "garbage" },
    { name: "another id", bad: (query) => reply(query, { id: 9 }), counter: "mismatched" },
    { name: "another name", bad: (query) => reply(query, { name: "evil.example" }), counter: "mismatched" },
    { name: "another type", bad: (query) => reply(query, { type: "AAAA" }), counter: "mismatched" },
    { name: "no question", bad: (query) => reply(query, { ask: false }), counter: "mismatched" },
    { name: "our own query", bad: (query) => query, counter: "mismatched" },
  ];
  for (const { name, bad, counter } of rows) {
    test(name, () => {
      const world = new World([(query) => [bad(query), bad(query), reply(query)]]);
      const [answer] = world.ask();
      assert.equal(answer?.outcome.kind, "records");
      assert.equal(world.exchange.counters[counter], 2);
    });
  }

  test("names are compared without regard to case (RFC 4343)", () => {
    const world = new World([(query) => [reply(query, { name: "PBX.Example" })]]);
    assert.equal(world.ask()[0]?.outcome.kind, "records");
  });

  test("a pointer loop in a name ends", () => {
    const world = new World([
      (query) => {
        const bytes = reply(query);
        bytes.writeUInt16BE(0xc00c, 12); // the question's name points to itself
        return [bytes, reply(query)];
      },
    ]);
    assert.equal(world.ask()[0]?.outcome.kind, "records");
    assert.equal(world.exchange.counters.garbage, 1);
  });

  test("an address that no machine has is left out, and hides nothing of the others", () => {
    const bad = ["0.0.0.0", "224.0.0.1", "255.255.255.255"];
    const world = new World([
      (query) => {
        const { id = 0 } = decode(query);
        const answers = [...bad, "192.0.2.7"].map(
          (data): Answer => ({ type: "A", name: QUESTION.name, ttl: 5, data }),
        );
        return [encode({ type: "response", id, questions: [QUESTION], answers })];
      },
    ]);
    assert.deepEqual(world.ask()[0]?.outcome, {
      kind: "records",
      records: [{ type: "A", address: "192.0.2.7" }],
      ttlS: 5,
    });
  });
});
