// Any sequence of answers, failures, changes and time: the promises that the path of a call relies on.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Answer, Failure } from "../../../src/dns/answer.ts";
import { QUERIES_MAX } from "../../../src/dns/record-cache.ts";
import { DnsWorld, queryFor } from "../../support/dns-world.ts";
import { zoneAnswer } from "../../support/dns-zone.ts";

const STALE_FOR_MS = 60_000;
const HOSTS = ["a.example", "b.example", "c.example"];

const anyHost = fc.constantFrom(...HOSTS);
const anyTarget = fc.constantFrom("a.example", "b.example", "gone.example", ".");
const anyRecord = fc.oneof(
  fc.tuple(anyHost, fc.integer({ min: 1, max: 9 })).map(([host, n]) => `${host} A 192.0.2.${n}`),
  fc.tuple(anyHost, fc.integer({ min: 1, max: 9 })).map(([host, n]) => `${host} AAAA 2001:db8::${n}`),
  fc.tuple(anyHost, anyHost).map(([host, to]) => `${host} CNAME ${to}`),
  fc
    .tuple(anyHost, fc.constantFrom("udp", "tcp"), fc.nat(3), fc.nat(3), anyTarget)
    .map(
      ([host, transport, priority, weight, to]) =>
        `_sip._${transport}.${host} SRV ${priority} ${weight} 5060 ${to}`,
    ),
  fc
    .tuple(
      anyHost,
      fc.nat(3),
      fc.constantFrom("SIP+D2U", "SIP+D2T", "SIPS+D2T"),
      fc.constantFrom("_udp", "_tcp"),
    )
    .map(([host, order, service, label]) => `${host} NAPTR ${order} 1 s ${service} _sip.${label}.${host}`),
);
const anyZone = fc.array(anyRecord, { maxLength: 12 }).map((lines) => lines.join("\n"));
const anyQuery = fc.record({
  host: anyHost,
  port: fc.constantFrom(0, 5060),
  transport: fc.constantFrom(null, "udp" as const, "tcp" as const),
  secure: fc.constant(false),
});

/** One thing that happens. */
const anyEvent = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("outage" as const), on: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fail" as const),
      type: fc.constantFrom("NAPTR", "SRV", "A", "AAAA", "none"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("zone" as const),
      zone: anyZone,
      ttlS: fc.constantFrom(0, 1, 5, 30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("delay" as const), ms: fc.constantFrom(0, 1, 50, 3_000) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("peek" as const), query: anyQuery }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("roll" as const), roll: fc.constantFrom(0, 0.5, 0.999) }),
  },
);

/** Fails each question of one type. */
function failing(type: string): DnsWorld["fault"] {
  const failure: Failure = { kind: "failure", reason: "SERVFAIL" };
  return (question): Answer | Failure | null => (question.type === type ? failure : null);
}

class Run {
  readonly world = new DnsWorld({ staleForMs: STALE_FOR_MS, firstAnswerWithinMs: 1_000 });
  readonly answered = new Set<string>();

  constructor() {
    for (const host of HOSTS) this.world.resolver.follow(queryFor(host));
  }

  perform(event: typeof anyEvent extends fc.Arbitrary<infer E> ? E : never): void {
    const { world } = this;
    switch (event.kind) {
      case "wait":
        for (let left = event.ms; left > 0; left -= 500) {
          world.run(Math.min(left, 500));
          this.check();
        }
        return;
      case "outage":
        world.outage = event.on ? "no answer in time" : null;
        return;
      case "fail":
        world.fault = failing(event.type);
        return;
      case "zone":
        Object.assign(world, { zone: event.zone, ttlS: event.ttlS });
        return;
      case "delay":
        Object.assign(world, { delayMs: event.ms, failureMs: event.ms + 1 });
        return;
      case "peek":
        world.resolver.locate(event.query, () => {});
        return;
      case "roll":
        world.roll = event.roll;
    }
  }

  check(): void {
    const { world, answered } = this;
    assert.ok(world.outstandingMax <= QUERIES_MAX);
    for (const host of HOSTS) {
      const location = world.peek(host);
      if (location === null) {
        assert.ok(!answered.has(host), `${host} was known and is no more`);
        continue;
      }
      answered.add(host);
      assert.equal(location.servers.length > 0, ["fresh", "stale"].includes(location.status));
      assert.notEqual(location.reason, "");
      if (location.status !== "stale") continue;
      const age = world.now - (location.staleSinceMs ?? Number.NaN);
      assert.ok(age >= 0 && age <= STALE_FOR_MS, `${host} is stale for ${age} ms`);
    }
  }
}

describe("the resolver, whatever happens", () => {
  test("never throws, never forgets what is followed, never serves beyond the bound, never asks too much", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 40 }), (events) => {
        const run = new Run();
        for (const event of events) run.perform(event);
        run.check();
      }),
      { numRuns: 200 },
    );
  });

  test("two minutes after all is well again it says what the zone says", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), anyZone, (events, zone) => {
        const run = new Run();
        for (const event of events) run.perform(event);
        const { world } = run;
        Object.assign(world, { zone, outage: null, fault: () => null, ttlS: 5, delayMs: 1 });
        world.run(120_000);
        const fresh = Object.assign(new DnsWorld(), { zone });
        for (const host of HOSTS) fresh.peek(host);
        fresh.run(1_000);
        for (const host of HOSTS) {
          const [now, expected] = [world.peek(host), fresh.peek(host)];
          assert.deepEqual([now?.status, now?.servers], [expected?.status, expected?.servers]);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("with everything let go, nothing is left running", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
        const run = new Run();
        for (const event of events) run.perform(event);
        run.world.resolver.close();
        run.world.run(10_000); // what was under way
        assert.deepEqual([run.world.timers, run.world.resolver.records], [0, 0]);
      }),
      { numRuns: 100 },
    );
  });

  test("the zone reader of these tests knows what it is asked", () => {
    assert.equal(zoneAnswer("a.example A 192.0.2.1", { name: "a.example", type: "A" }).kind, "records");
  });
});
