// The cache over simulated time: TTLs, refreshing ahead, stale answers, who waits, what is forgotten.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Location } from "../../../src/dns/location.ts";
import { QUERIES_MAX } from "../../../src/dns/record-cache.ts";
import { NAMES_MAX, WAITING_MAX } from "../../../src/dns/resolver.ts";
import { DnsWorld, queryFor } from "../../support/dns-world.ts";

const HOST = queryFor("pbx.example", { port: 5060 });
const ZONE = "pbx.example A 192.0.2.1";
const PLACE = "0 1 udp:192.0.2.1:5060";
const MINUTE = 60_000;

function followed(setup: Partial<Pick<DnsWorld, "zone" | "ttlS" | "roll">> = {}, settings = {}): DnsWorld {
  const world = Object.assign(new DnsWorld(settings), { zone: ZONE }, setup);
  world.resolver.follow(HOST);
  world.run(20);
  return world;
}

describe("a snapshot", () => {
  test("a name that was never asked for: null, and a look-up; then its servers", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE });
    assert.equal(world.resolver.peek(HOST), null);
    assert.deepEqual(world.takeAsked(), ["A pbx.example", "AAAA pbx.example"]);
    world.run(10);
    assert.deepEqual(world.places("pbx.example", { port: 5060 }), [PLACE]);
  });

  test("equal questions are asked once, whoever asks", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE });
    for (const port of [5060, 5061, 5060]) world.peek("pbx.example", { port });
    assert.deepEqual(world.takeAsked(), ["A pbx.example", "AAAA pbx.example"]);
    world.run(10);
    assert.deepEqual(world.places("pbx.example", { port: 5061 }), ["0 1 udp:192.0.2.1:5061"]);
    assert.deepEqual(world.takeAsked(), []);
  });

  test("the same object as long as nothing is new: no call allocates", () => {
    const world = followed();
    assert.equal(world.resolver.peek(HOST), world.resolver.peek({ ...HOST }));
  });

  test("a numeric host needs no question", () => {
    const world = new DnsWorld();
    assert.deepEqual(world.places("192.0.2.7"), ["0 1 udp:192.0.2.7:5060"]);
    assert.deepEqual([world.takeAsked(), world.timers], [[], 0]);
  });
});

describe("time to live", () => {
  const rows = [
    { name: "30 s, earliest refresh at 75%", ttlS: 30, roll: 0, next: 22_500 },
    { name: "30 s, latest refresh at 90%", ttlS: 30, roll: 0.999_999, next: 27_000 },
    { name: "0 s: the floor", ttlS: 0, roll: 0, next: 750 },
    { name: "a day: the ceiling", ttlS: 86_400, roll: 0, next: 2_700_000 },
  ];
  for (const { name, ttlS, roll, next } of rows) {
    test(name, () => {
      const world = Object.assign(new DnsWorld({ negativeTtlMs: 3_600_000 }), { zone: ZONE, ttlS, roll });
      world.zone += "\npbx.example AAAA 2001:db8::1";
      world.resolver.follow(HOST);
      world.run(10); // the answer
      const answeredAt = world.now;
      world.takeAsked();
      world.run(next - 2);
      assert.deepEqual(world.takeAsked(), []);
      world.run(4);
      assert.deepEqual(
        [world.takeAsked().sort(), world.now - answeredAt],
        [["A pbx.example", "AAAA pbx.example"], next + 2],
      );
    });
  }

  test("a changed record is seen within its TTL, and told once", () => {
    const world = followed({ ttlS: 5 });
    world.run(60_000);
    world.changes.splice(0);
    world.zone = "pbx.example A 192.0.2.2";
    const changedAt = world.now;
    world.run(6_000);
    assert.equal(world.changes.length, 1);
    assert.ok((world.changes[0]?.at ?? 0) - changedAt <= 5_000);
    assert.deepEqual(world.places("pbx.example", { port: 5060 }), ["0 1 udp:192.0.2.2:5060"]);
  });

  test("the old servers serve until the new ones are known as a whole", () => {
    const world = Object.assign(new DnsWorld(), { ttlS: 5, delayMs: 100 });
    world.zone = "_sip._udp.x.example SRV 1 1 5060 a.example\na.example A 192.0.2.1";
    const query = { transport: "udp" } as const;
    world.resolver.follow(queryFor("x.example", query));
    world.run(1_000);
    world.zone += "\nb.example A 192.0.2.2";
    world.zone = world.zone.replace("5060 a.", "5060 b.");
    for (let i = 0; i < 600; i++) {
      world.run(10);
      assert.equal(world.places("x.example", query).length, 1);
    }
    assert.deepEqual(world.places("x.example", query), ["1 1 udp:192.0.2.2:5060"]);
  });

  test("RFC 2308: that there is no name holds as long as its SOA says, and is then asked anew", () => {
    const world = new DnsWorld();
    world.resolver.follow(HOST);
    world.run(20);
    assert.equal(world.peek("pbx.example", { port: 5060 })?.reason, "pbx.example does not exist");
    world.takeAsked();
    world.run(7_400);
    assert.deepEqual(world.takeAsked(), []);
    world.zone = ZONE;
    world.run(2_600);
    assert.deepEqual(world.places("pbx.example", { port: 5060 }), [PLACE]);
  });

  test("a name that exists no more has no servers at once: that is an answer, not an outage (OpenSIPS #982)", () => {
    const world = followed({ ttlS: 5 });
    world.zone = "";
    world.run(5_000);
    const location = world.peek("pbx.example", { port: 5060 });
    assert.deepEqual([location?.status, location?.servers.length], ["failed", 0]);
  });
});

describe("no server answers (OpenSIPS #3285)", () => {
  test("within the TTL all is fresh; then the last answer serves, shown as stale since its end; then not at all", () => {
    const world = followed({ ttlS: 5 }, { staleForMs: 10 * MINUTE });
    const [{ location: first } = { location: null }] = world.changes;
    world.outage = "timed out";
    world.run(4_900);
    assert.equal(world.peek("pbx.example", { port: 5060 })?.status, "fresh");
    world.run(200);
    const stale = world.peek("pbx.example", { port: 5060 });
    assert.equal(stale?.status, "stale");
    assert.equal(stale.staleSinceMs, first?.expiresAt);
    assert.deepEqual(stale.servers, first?.servers);
    world.run(10 * MINUTE - 1_000);
    assert.deepEqual(world.places("pbx.example", { port: 5060 }), [PLACE]);
    world.run(2_000);
    const gone = world.peek("pbx.example", { port: 5060 });
    assert.deepEqual([gone?.status, gone?.servers], ["failed", []]);
    assert.match(gone?.reason ?? "", /timed out/);
    assert.deepEqual(
      world.changes.map(({ location }) => location.status),
      ["fresh", "stale", "failed"],
    );
  });

  test("the bound holds, too, while what would take the place of the stale answer is still asked for", () => {
    const world = Object.assign(new DnsWorld({ staleForMs: MINUTE }), { ttlS: 5 });
    world.zone = `x.example NAPTR 1 1 s SIP+D2U _sip._udp.x.example
      _sip._udp.x.example SRV 1 1 5060 a.example\na.example A 192.0.2.1`;
    world.resolver.follow(queryFor("x.example"));
    world.run(1_000);
    Object.assign(world, { outage: "slow to say no", failureMs: 20_000 });
    for (let second = 0; second < 120; second++) {
      world.run(1_000);
      const { status, staleSinceMs } = world.peek("x.example") ?? {};
      if (status === "stale") assert.ok(world.now - (staleSinceMs ?? 0) < MINUTE, `second ${second}`);
    }
    assert.equal(world.peek("x.example")?.status, "failed");
  });

  test("the reason says that it is stale, and why", () => {
    const world = followed({ ttlS: 1 });
    world.outage = "192.0.2.53:53: no answer in time";
    world.run(10_000);
    const reason = world.peek("pbx.example", { port: 5060 })?.reason ?? "";
    assert.equal(
      reason,
      "expired, and not to be had anew (192.0.2.53:53: no answer in time): by the addresses of pbx.example",
    );
  });

  test("asked again after 1, 2, 4, 8, 16, then 30 s at most", () => {
    const world = followed({ ttlS: 5 });
    Object.assign(world, { outage: "down", failureMs: 1 });
    world.asked.splice(0);
    world.run(2 * MINUTE);
    const times = world.asked.filter(({ key }) => key.startsWith("A ")).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => Math.round((at - (times[index] ?? 0)) / 1_000));
    assert.deepEqual(gaps, [1, 2, 4, 8, 16, 30, 30]);
  });

  test("fresh again with the first answer", () => {
    const world = followed({ ttlS: 5 });
    world.outage = "down";
    world.run(5 * MINUTE);
    world.outage = null;
    world.run(34_000 + world.failureMs);
    assert.equal(world.peek("pbx.example", { port: 5060 })?.status, "fresh");
  });

  test("a name never resolved has failed, with the reason, and is found when a server is back", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE, failureMs: 1 });
    world.outage = "refused";
    world.resolver.follow(HOST);
    world.run(10);
    assert.equal(world.peek("pbx.example", { port: 5060 })?.reason, "A of pbx.example: refused");
    world.outage = null;
    world.run(2_000);
    assert.deepEqual(world.places("pbx.example", { port: 5060 }), [PLACE]);
  });
});

describe("a call that waits", () => {
  const locate = (world: DnsWorld, query = HOST): (Location | null)[] => {
    const got: (Location | null)[] = [];
    world.resolver.locate(query, (location) => got.push(location));
    return got;
  };

  test("a name that is known: at once", () => {
    assert.equal(locate(followed())[0]?.servers.length, 1);
  });

  test("a new name: with its answer, once", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE });
    const got = locate(world);
    world.run(9);
    assert.equal(got.length, 0);
    world.run(10_000);
    assert.deepEqual(
      got.map((each) => each?.servers.length),
      [1],
    );
  });

  test("no answer within the bound: null then; the answer serves the next call", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE, delayMs: 2_500 });
    const got = locate(world);
    world.run(1_999);
    assert.deepEqual(got, []);
    world.run(1);
    assert.deepEqual(got, [null]);
    world.run(1_000);
    assert.deepEqual(got, [null]);
    assert.equal(locate(world)[0]?.servers.length, 1);
  });

  test("stale is good enough: nobody waits for a resolver that was asked before", () => {
    const world = followed({ ttlS: 1 });
    world.outage = "down";
    world.run(60_000);
    assert.equal(locate(world)[0]?.status, "stale");
  });

  test(`at most ${WAITING_MAX} wait; one more does not`, () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE });
    const waiting = Array.from({ length: WAITING_MAX }, () => locate(world));
    assert.deepEqual(locate(world), [null]);
    world.run(10);
    assert.ok(waiting.every(([location]) => location?.servers.length === 1));
    assert.equal(locate(world)[0]?.servers.length, 1);
  });

  test("the end of the resolver tells them", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE });
    const got = locate(world);
    world.resolver.close();
    world.run(5_000);
    assert.deepEqual([got, world.timers], [[null], 0]);
  });
});

describe("what is kept", () => {
  test("a followed name, used or not; until it is followed no more", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE });
    const unfollow = world.resolver.follow(HOST);
    const again = world.resolver.follow(HOST);
    world.run(60 * MINUTE);
    assert.deepEqual(
      world.resolver.known().map(({ query, followed }) => [query, followed]),
      [[HOST, true]],
    );
    unfollow();
    unfollow();
    world.run(60 * MINUTE);
    assert.equal(world.resolver.known().length, 1);
    again();
    world.run(11 * MINUTE + 1_000);
    assert.deepEqual([world.resolver.known(), world.resolver.records], [[], 0]);
    world.takeAsked();
    world.run(60 * MINUTE);
    assert.deepEqual([world.takeAsked(), world.timers], [[], 0]);
  });

  test("a name that nobody follows stays fresh while it is used, and is forgotten after 10 minutes without", () => {
    const world = Object.assign(new DnsWorld(), { zone: ZONE });
    world.resolver.peek(HOST);
    for (let minute = 0; minute < 30; minute++) {
      world.run(MINUTE);
      assert.equal(world.resolver.peek(HOST)?.status, "fresh");
    }
    world.run(9 * MINUTE);
    assert.equal(world.resolver.known().length, 1);
    world.run(3 * MINUTE);
    assert.deepEqual([world.resolver.known(), world.timers], [[], 0]);
  });

  test("records that nobody needs any more are forgotten", () => {
    const world = Object.assign(new DnsWorld(), { ttlS: 5 });
    world.zone = "_sip._udp.x.example SRV 1 1 5060 a.example\na.example A 192.0.2.1\nb.example A 192.0.2.2";
    world.resolver.follow(queryFor("x.example", { transport: "udp" }));
    world.run(1_000);
    assert.equal(world.resolver.records, 3);
    world.zone = world.zone.replace("5060 a.", "5060 b.");
    world.run(10_000);
    assert.equal(world.resolver.records, 3);
  });

  for (const count of [NAMES_MAX, NAMES_MAX + 1]) {
    test(`${count} names that nobody follows: ${NAMES_MAX} are kept, and those that are followed`, () => {
      const world = Object.assign(new DnsWorld(), { zone: ZONE });
      world.resolver.follow(HOST);
      for (let i = 0; i < count; i++) world.peek(`n${i}.example`);
      assert.equal(world.resolver.known().length, NAMES_MAX + 1);
      assert.ok(world.resolver.known().some(({ followed }) => followed));
    });
  }

  test(`at most ${QUERIES_MAX} questions are under way; the rest wait their turn`, () => {
    const world = new DnsWorld();
    for (let i = 0; i < QUERIES_MAX + 1; i++) world.peek(`n${i}.example`, { port: 5060 });
    assert.equal(world.resolver.outstanding, QUERIES_MAX);
    world.run(1_000);
    assert.equal(world.outstandingMax, QUERIES_MAX);
    assert.ok(world.resolver.known().every(({ location }) => location !== null));
  });
});

describe("the hosts file", () => {
  test("comes before DNS, and a change of it is followed within 5 s", () => {
    const world = new DnsWorld();
    world.hosts.set("pbx", ["10.0.0.1", "2001:db8::1"]);
    world.resolver.follow(queryFor("pbx"));
    assert.deepEqual(world.places("pbx"), ["0 1 udp:10.0.0.1:5060", "0 1 udp:2001:db8::1:5060"]);
    world.hosts.set("pbx", ["10.0.0.2"]);
    world.run(5_000);
    assert.deepEqual(world.places("pbx"), ["0 1 udp:10.0.0.2:5060"]);
    assert.deepEqual(world.takeAsked(), []);
  });

  test("holds for the targets of SRV, too", () => {
    const world = Object.assign(new DnsWorld(), { zone: "_sip._udp.x.example SRV 1 1 5060 pbx" });
    world.hosts.set("pbx", ["10.0.0.1"]);
    world.resolver.follow(queryFor("x.example", { transport: "udp" }));
    world.run(20);
    assert.deepEqual(world.places("x.example", { transport: "udp" }), ["1 1 udp:10.0.0.1:5060"]);
  });
});

describe("each step told", () => {
  test("questions, answers, TTLs, and the location", async () => {
    const world = Object.assign(new DnsWorld(), { zone: "_sip._udp.x.example SRV 1 2 5060 pbx", ttlS: 7 });
    world.hosts.set("pbx", ["10.0.0.1"]);
    const told = world.resolver.explain(queryFor("x.example", { transport: "udp" }));
    world.run(20);
    const { steps, location } = await told;
    assert.deepEqual(
      steps.map(({ question, server, answer, ttlS }) => [question.type, server, answer, ttlS]),
      [
        ["SRV", "192.0.2.53:53", ["priority 1, weight 2, pbx:5060"], 7],
        ["A", "/etc/hosts", ["10.0.0.1"], 5],
        ["AAAA", "/etc/hosts", ["no AAAA record"], 5],
      ],
    );
    assert.equal(location.servers.length, 1);
    assert.deepEqual(world.resolver.known(), []);
  });
});
