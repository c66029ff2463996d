import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../../src/config/load-config.ts";
import { type RoutedRequest, Router } from "../../../src/routing/router.ts";
import { ALL_ALIVE } from "../../support/target-knowledge.ts";

const FILE = `
listen: [udp://10.0.0.1, tcp://10.0.0.1, "udp://[2001:db8::9]"]
groups:
  pbx:
    sources: [10.1.0.0/24, "2001:db8:1::/48"]
    targets:
      - sip:10.1.0.11
      - { uri: sip:10.1.0.12, priority: 20 }
      - { uri: "sip:10.1.0.13;transport=tcp", priority: 5 }
    failover: { on: [503], maxAttempts: 2 }
  carriers:
    targets: [sip:192.0.2.20, sip:192.0.2.21, sip:192.0.2.22]
    balance: round-robin
    failover: { maxAttempts: 2, noAnswerAfter: 1s }
  farm:
    sources: []
    targets: ["sip:10.2.0.1", "sip:10.2.0.2", "sip:[2001:db8::2]"]
    balance: hash
  quiet:
    sources: []
    targets: ["sip:10.3.0.1", "sip:10.3.0.2"]
    balance: least-calls
  phones: { sources: [172.16.0.0/12] }
routes:
  - { from: phones, number: ^(911|112)$, emergency: true, to: [carriers, pbx] }
  - { from: phones, method: [MESSAGE, OPTIONS], to: farm }
  - { from: phones, host: [Farm.Example, "[2001:db8::5]"], to: farm }
  - { from: phones, number: '^\\+?1\\d{10}$', strip: 1, prefix: "+44", to: carriers, failover: { on: [404], maxAttempts: 3 } }
  - { from: phones, strip: 5, to: quiet }
  - { from: [phones, pbx], to: [pbx, carriers] }
`;

const config = parseConfig(FILE, { file: "router.yaml", env: {} });

function router(calls: Record<string, number> = {}): Router {
  return new Router(config, { ...ALL_ALIVE, draw: () => () => 0, callsOn: (id) => calls[id] ?? 0 });
}

const request = (changes: Partial<RoutedRequest> = {}): RoutedRequest => {
  return { from: "phones", method: "INVITE", user: "alice", host: "edge.example", callKey: "k", ...changes };
};

describe("the rules", () => {
  const rows: { name: string; asks: Partial<RoutedRequest>; route: number | null; user?: string }[] = [
    { name: "an emergency number", asks: { user: "911" }, route: 0 },
    { name: "with parameters and separators", asks: { user: "9-1.1;phone-context=x" }, route: 0 },
    { name: "escaped", asks: { user: "%3911" }, route: 0 },
    { name: "not inside another number", asks: { user: "9112" }, route: 5 },
    { name: "a method", asks: { method: "OPTIONS" }, route: 1 },
    { name: "methods know no folding", asks: { method: "options" }, route: 5 },
    { name: "a host", asks: { host: "farm.example" }, route: 2 },
    { name: "an IPv6 host", asks: { host: "[2001:db8::5]" }, route: 2 },
    { name: "a number, rewritten", asks: { user: "15551234567" }, route: 3, user: "+445551234567" },
    { name: "a global number, rewritten", asks: { user: "+1-555-1234567" }, route: 3, user: "+445551234567" },
    { name: "enough digits to strip", asks: { user: "123456" }, route: 4, user: "6" },
    { name: "too few: the next rule", asks: { user: "12345" }, route: 5 },
    { name: "a name: the next rule", asks: { user: "123456alice" }, route: 5 },
    { name: "no user at all", asks: { user: "" }, route: 5 },
    { name: "a user beyond any number", asks: { user: "1".repeat(70_000) }, route: 5 },
    { name: "another group", asks: { from: "pbx", user: "911" }, route: 5 },
    { name: "a group without a rule", asks: { from: "carriers" }, route: null },
    { name: "a group that there is not", asks: { from: "nobody" }, route: null },
  ];
  for (const { name, asks, route, user } of rows) {
    test(name, () => {
      const plan = router().plan(request(asks));
      assert.equal(plan?.route ?? null, route);
      assert.equal(plan?.user ?? null, user ?? null);
    });
  }

  test("a pattern that would hang a backtracking matcher is none here", () => {
    const text = FILE.replace("'^\\+?1\\d{10}$'", () => "'^(\\d+)+(\\d+)+(\\d+)+x$'");
    const slow = new Router(parseConfig(text, { file: "x", env: {} }), {
      ...ALL_ALIVE,
      draw: () => () => 0,
    });
    assert.equal(slow.plan(request({ user: "1".repeat(200) }))?.route, 4); // one that backtracks would not come back
  });
});

describe("the plan", () => {
  const order = (plan: ReturnType<Router["plan"]>): string[] => (plan?.targets ?? []).map(({ id }) => id);

  test("priority first, each group cut to its attempts, groups in order", () => {
    assert.deepEqual(order(router().plan(request())), [
      "tcp:10.1.0.13:5060",
      "udp:10.1.0.11:5060",
      "udp:192.0.2.20:5060",
      "udp:192.0.2.21:5060",
    ]);
  });

  test("an emergency tries every target", () => {
    const plan = router().plan(request({ user: "112" }));
    assert.equal(plan?.emergency, true);
    assert.equal(order(plan).length, 6);
  });

  test("round-robin begins one further each time", () => {
    const same = router();
    const firsts = [0, 1, 2, 3].map(() => order(same.plan(request({ user: "15551234567" })))[0]);
    assert.deepEqual(
      firsts,
      ["20", "21", "22", "20"].map((last) => `udp:192.0.2.${last}:5060`),
    );
  });

  test("hash holds to the caller, and to the call where there is none", () => {
    const asks = { method: "MESSAGE", host: "x" };
    const first = (changes: Partial<RoutedRequest>): string | undefined =>
      order(router().plan(request({ ...asks, ...changes })))[0];
    const callers = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for (const caller of callers) {
      assert.equal(first({ caller, callKey: "1" }), first({ caller, callKey: "2" }));
      assert.equal(first({ caller: "", callKey: caller }), first({ callKey: caller }));
    }
    assert.ok(new Set(callers.map((caller) => first({ caller }))).size > 1);
  });

  test("least-calls asks for the calls on a target", () => {
    const busy = router({ "udp:10.3.0.1:5060": 3 });
    assert.deepEqual(order(busy.plan(request({ user: "123456" }))), [
      "udp:10.3.0.2:5060",
      "udp:10.3.0.1:5060",
    ]);
  });

  test("failover is the group's, with what the rule changes", () => {
    const plan = router().plan(request({ user: "15551234567" }));
    const target = plan?.targets[0];
    assert.ok(plan && target);
    const policy = plan.failover(target);
    assert.deepEqual(
      { ...policy, on: [...policy.on] },
      {
        noAnswerAfterMs: 1_000,
        noProgressAfterMs: 20_000,
        on: [408, 500, 502, 503, 504, 404],
        afterProgress: false,
        maxAttempts: 3,
      },
    );
    assert.equal(plan.targets.length, 3);
  });

  test("each group keeps its own policy", () => {
    const plan = router().plan(request());
    const policies = plan?.targets.map((target) => [...plan.failover(target).on].length);
    assert.deepEqual(policies, [1, 1, 5, 5]);
  });

  test("a target of another plan is a bug", () => {
    const same = router();
    const [first] = same.targets();
    const plan = same.plan(request({ user: "15551234567" }));
    assert.ok(plan && first);
    assert.throws(() => plan.failover(first), /not in this plan/);
  });
});

describe("targets and sources", () => {
  test("every target, as its URI says", () => {
    const targets = router().targets();
    assert.equal(targets.length, 11);
    const { uri, ...tcp } = targets[2] ?? {};
    assert.deepEqual(tcp, {
      id: "tcp:10.1.0.13:5060",
      group: "pbx",
      name: "sip:10.1.0.13;transport=tcp",
      transport: "tcp",
      address: "10.1.0.13",
      port: 5060,
      priority: 5,
      srvPriority: 0,
      weight: 100,
      mayUseTcp: false,
      maxCalls: null,
      maxCallsPerSecond: null,
    });
    assert.equal(uri?.host, "10.1.0.13");
    assert.equal(targets.find(({ address }) => address === "2001:db8::2")?.id, "udp:[2001:db8::2]:5060");
  });

  const rows: [string, string | null, boolean][] = [
    ["10.1.0.77", "pbx", true],
    ["::ffff:10.1.0.77", "pbx", true],
    ["2001:db8:1:2::3", "pbx", true],
    ["192.0.2.21", "carriers", true],
    ["172.20.0.1", "phones", true],
    ["10.2.0.1", null, true], // sources: []: it may not speak, but its answers are expected
    ["::ffff:10.2.0.1", null, true],
    ["2001:db8::2", null, true],
    ["192.0.2.23", null, false],
    ["nonsense", null, false],
  ];
  for (const [address, group, known] of rows) {
    test(`${address}: ${group}, ${known ? "known" : "unknown"}`, () => {
      const same = router();
      assert.equal(same.classify(address), group);
      assert.equal(same.isTargetAddress(address), known);
    });
  }
});
