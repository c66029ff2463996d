// Which targets a call may go to: the places behind names (RFC 3263), and those alive before those that look down.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../../src/config/load-config.ts";
import type { Standing } from "../../../src/routing/group-targets.ts";
import { type Plan, Router } from "../../../src/routing/router.ts";
import type { Place } from "../../../src/routing/target.ts";
import { mix32 } from "../../../src/sip/signing/mix.ts";
import { ALL_ALIVE } from "../../support/target-knowledge.ts";

const FILE = `
listen: [udp://10.0.0.1, tcp://10.0.0.1]
groups:
  phones: { sources: [172.16.0.0/12] }
  carriers: { targets: [sip:trunk.example] }
  pbx: { targets: [sip:10.1.0.11, sip:10.1.0.12], failover: { maxAttempts: 2 } }
  spare: { sources: [], targets: [{ uri: sip:10.3.0.1, priority: 1 }, { uri: sip:10.3.0.2, priority: 2 }] }
routes:
  - { from: phones, number: ^112$, emergency: true, to: [pbx, spare] }
  - { from: phones, host: [carriers.example], to: carriers }
  - { from: phones, to: [pbx, spare] }
`;

const place = (last: number, priority: number, weight: number): Place => {
  return { transport: "udp", address: `192.0.2.${last}`, port: 5060, priority, weight };
};

class Network {
  readonly places = new Map<string, Place[]>();
  readonly standings = new Map<string, Standing>();
  readonly calls = new Map<string, number>();
  share = 1;
  readonly router: Router;

  constructor(file = FILE) {
    this.router = new Router(parseConfig(file, { file: "x", env: {} }), {
      ...ALL_ALIVE,
      placesOf: ({ host }) => this.places.get(host) ?? null,
      standing: (id) => this.standings.get(id) ?? "usable",
      share: () => this.share,
      callsOn: (id) => this.calls.get(id) ?? 0,
      draw: (key) => {
        let draws = 0;
        return () => mix32(key, draws++) / 2 ** 32;
      },
    });
  }

  set(host: string, standing: Standing): void {
    this.standings.set(`udp:${host}:5060`, standing);
    this.router.standingsChanged();
  }

  plan(changes: { host?: string; user?: string; callKey?: string } = {}): Plan {
    const request = { from: "phones", method: "INVITE", user: "1", host: "x", callKey: "k", ...changes };
    const plan = this.router.plan(request);
    assert.ok(plan);
    return plan;
  }

  order(changes: { host?: string; user?: string; callKey?: string } = {}): string[] {
    return this.plan(changes).targets.map(({ address }) => address);
  }
}

describe("names", () => {
  const host = "carriers.example";

  test("SRV priorities are tried in their order, whatever order they came in", () => {
    const network = new Network();
    network.places.set("trunk.example", [place(3, 30, 1), place(1, 10, 1), place(2, 20, 1)]);
    network.router.resolve();
    assert.deepEqual(network.order({ host }), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  });

  test("SRV weights 70, 20, 10 are the shares of 10,000 calls within 2 points (RFC 2782)", (t) => {
    const network = new Network();
    network.places.set("trunk.example", [place(1, 1, 70), place(2, 1, 20), place(3, 1, 10)]);
    network.router.resolve();
    const counts = new Map<string, number>();
    for (let call = 0; call < 10_000; call++) {
      const [first = ""] = network.order({ host, callKey: `call ${call}` });
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    t.diagnostic([...counts].map(([address, count]) => `${address}: ${count}`).join(", "));
    for (const [address, share] of [
      ["192.0.2.1", 70],
      ["192.0.2.2", 20],
      ["192.0.2.3", 10],
    ] as const) {
      assert.ok(Math.abs((counts.get(address) ?? 0) / 100 - share) < 2, address);
    }
  });

  test("two names in a group share by the weights of the file, each within itself by SRV", () => {
    const two = FILE.replace(
      "targets: [sip:trunk.example]",
      "targets: [{ uri: sip:a.example, weight: 30 }, { uri: sip:b.example, weight: 70 }]",
    );
    const network = new Network(two);
    network.places.set("a.example", [place(1, 0, 0), place(2, 0, 0)]);
    network.places.set("b.example", [place(3, 0, 4), place(4, 0, 1)]);
    network.router.resolve();
    const weights = network.router.targets().filter(({ group }) => group === "carriers");
    assert.deepEqual(
      weights.map(({ address, weight }) => [address, weight]),
      [
        ["192.0.2.1", 15],
        ["192.0.2.2", 15],
        ["192.0.2.3", 56],
        ["192.0.2.4", 14],
      ],
    );
  });

  test("one place behind two names is one target of the group", () => {
    const network = new Network(
      FILE.replace("targets: [sip:trunk.example]", "targets: [sip:a.example, sip:b.example]"),
    );
    for (const name of ["a.example", "b.example"]) network.places.set(name, [place(1, 0, 0)]);
    network.router.resolve();
    assert.deepEqual(network.order({ host }), ["192.0.2.1"]);
  });

  test("only what is reached by UDP may go by TCP for its size (RFC 3261 §18.1.1)", () => {
    const network = new Network();
    network.places.set("trunk.example", [place(1, 1, 1), { ...place(2, 2, 1), transport: "tcp" }]);
    network.router.resolve();
    assert.deepEqual(
      network.plan({ host }).targets.map(({ mayUseTcp }) => mayUseTcp),
      [true, false],
    );
  });

  test("a name without an address: no target, and the plan says why", () => {
    const { targets, emptyBecause } = new Network().plan({ host });
    assert.deepEqual(targets, []);
    assert.equal(emptyBecause, "sip:trunk.example has no address");
  });

  test("a record that changes: new calls follow, a target that stays is the same object", () => {
    const network = new Network();
    network.places.set("trunk.example", [place(1, 1, 1), place(2, 2, 1)]);
    network.router.resolve();
    const [kept] = network.plan({ host }).targets;
    network.places.set("trunk.example", [place(1, 1, 1), place(9, 2, 1)]);
    network.router.resolve();
    assert.deepEqual(network.order({ host }), ["192.0.2.1", "192.0.2.9"]);
    assert.equal(network.plan({ host }).targets[0], kept);
  });

  test("all addresses of the names of a group may speak as the group, unless the file names its sources", () => {
    const network = new Network();
    network.places.set("trunk.example", [place(1, 1, 1), place(2, 2, 1)]);
    network.router.resolve();
    assert.deepEqual(
      ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((address) => network.router.classify(address)),
      ["carriers", "carriers", null],
    );
    assert.ok(network.router.isTargetAddress("192.0.2.2"));
    const closed = new Network(FILE.replace("carriers: {", "carriers: { sources: [],"));
    closed.places.set("trunk.example", [place(1, 1, 1)]);
    closed.router.resolve();
    assert.equal(closed.router.classify("192.0.2.1"), null);
  });

  test("a name server can't take an address away from the group that the file gives it to", () => {
    const network = new Network();
    network.places.set("trunk.example", [{ ...place(1, 1, 1), address: "10.1.0.11" }]);
    network.router.resolve();
    assert.equal(network.router.classify("10.1.0.11"), "pbx");
  });
});

describe("standing", () => {
  test("what looks down is left out while its group has another", () => {
    const network = new Network();
    network.set("10.1.0.11", "down");
    assert.deepEqual(network.order(), ["10.1.0.12", "10.3.0.1", "10.3.0.2"]);
  });

  test("what is failing comes behind the others of its priority, and before the next priority", () => {
    const network = new Network(
      FILE.replace(
        "{ uri: sip:10.3.0.2, priority: 2 }]",
        "sip:10.3.0.3, { uri: sip:10.3.0.2, priority: 1 }]",
      ),
    );
    for (const last of [11, 12]) network.set(`10.1.0.${last}`, "out");
    network.set("10.3.0.1", "failing");
    for (let call = 0; call < 100; call++) {
      assert.deepEqual(network.order({ callKey: `c${call}` }), ["10.3.0.2", "10.3.0.1", "10.3.0.3"]);
    }
  });

  test("in panic those that are recovering come before those that are down", () => {
    const network = new Network();
    for (const host of ["10.1.0.11", "10.1.0.12"]) network.set(host, "out");
    network.set("10.3.0.1", "down");
    network.set("10.3.0.2", "recovering");
    assert.deepEqual(network.order(), ["10.3.0.2", "10.3.0.1"]);
  });

  test("a higher priority that looks down gives way to a lower one, and has its calls back", () => {
    const network = new Network();
    for (const last of [11, 12]) network.set(`10.1.0.${last}`, "out");
    network.set("10.3.0.1", "down");
    assert.deepEqual(network.order(), ["10.3.0.2"]);
    network.set("10.3.0.1", "usable");
    assert.deepEqual(network.order(), ["10.3.0.1", "10.3.0.2"]);
  });

  test("a group that looks down as a whole comes behind the others, and is still tried", () => {
    const network = new Network();
    for (const last of [11, 12]) network.set(`10.1.0.${last}`, "down");
    const plan = network.plan();
    assert.equal(plan.panic, false);
    const addresses = plan.targets.map(({ address }) => address);
    assert.deepEqual(addresses.slice(0, 2), ["10.3.0.1", "10.3.0.2"]);
    assert.deepEqual(addresses.slice(2).sort(), ["10.1.0.11", "10.1.0.12"]);
  });

  test("all look down: all are tried in order, and that is called panic", () => {
    const network = new Network();
    for (const host of ["10.1.0.11", "10.1.0.12", "10.3.0.1", "10.3.0.2"]) network.set(host, "down");
    const plan = network.plan();
    assert.equal(plan.panic, true);
    assert.equal(plan.targets.length, 4);
  });

  test("what the operator took out is not tried, not even in panic; with nothing left the plan says why", () => {
    const network = new Network();
    for (const host of ["10.1.0.11", "10.1.0.12", "10.3.0.1"]) network.set(host, "out");
    network.set("10.3.0.2", "down");
    assert.deepEqual(network.order(), ["10.3.0.2"]);
    network.set("10.3.0.2", "out");
    const { targets, emptyBecause } = network.plan();
    assert.deepEqual(targets, []);
    assert.equal(emptyBecause, "pbx is drained or disabled, spare is drained or disabled");
  });

  test("without panic what looks down is not tried, and the plan says so", () => {
    const network = new Network(FILE.replaceAll("pbx: {", "pbx: { health: { panic: false },"));
    for (const last of [11, 12]) network.set(`10.1.0.${last}`, "down");
    for (const last of [1, 2]) network.set(`10.3.0.${last}`, "out");
    const { targets, emptyBecause } = network.plan();
    assert.deepEqual(targets, []);
    assert.equal(emptyBecause, "all targets of pbx are down, spare is drained or disabled");
  });

  test("an emergency call tries those that look down, too, behind all others", () => {
    const network = new Network();
    network.set("10.1.0.11", "down");
    assert.deepEqual(network.order({ user: "112" }), ["10.1.0.12", "10.3.0.1", "10.3.0.2", "10.1.0.11"]);
  });

  for (const balance of ["weighted", "hash"]) {
    test(`${balance}: one that is ramping gets its share of the calls only`, () => {
      const network = new Network(FILE.replace("pbx: {", `pbx: { balance: ${balance},`));
      network.set("10.1.0.11", "ramping");
      network.share = 0.25;
      let firsts = 0;
      for (let call = 0; call < 10_000; call++) {
        if (network.order({ callKey: `c${call}` })[0] === "10.1.0.11") firsts++;
      }
      assert.ok(Math.abs(firsts / 10_000 - 0.2) < 0.02, `${firsts} of 10,000; 25 of 125 parts are 2,000`);
    });
  }

  test("least-calls: one that is ramping gets calls up to its share of what the others have, and not all at once", () => {
    const network = new Network(FILE.replace("pbx: {", "pbx: { balance: least-calls,"));
    network.set("10.1.0.11", "ramping");
    network.share = 0.25;
    network.calls.set("udp:10.1.0.12:5060", 100);
    for (const [calls, first] of [
      [0, "10.1.0.11"],
      [24, "10.1.0.11"],
      [26, "10.1.0.12"],
    ] as const) {
      network.calls.set("udp:10.1.0.11:5060", calls);
      assert.equal(network.order()[0], first);
    }
  });

  test("hash: a target that leaves moves only its own callers", () => {
    const network = new Network(
      FILE.replace(
        "pbx: { targets: [sip:10.1.0.11, sip:10.1.0.12]",
        "pbx: { balance: hash, targets: [sip:10.1.0.11, sip:10.1.0.12, sip:10.1.0.13]",
      ),
    );
    const callers = Array.from({ length: 1_000 }, (_, index) => `caller ${index}`);
    const before = callers.map((callKey) => network.order({ callKey })[0]);
    network.set("10.1.0.12", "down");
    for (const [index, callKey] of callers.entries()) {
      const now = network.order({ callKey })[0];
      if (before[index] === "10.1.0.12") assert.notEqual(now, "10.1.0.12");
      else assert.equal(now, before[index]);
    }
  });

  test("round-robin: one that is failing does not upset the turn of the others", () => {
    const network = new Network(
      FILE.replace("pbx: { targets: [", "pbx: { balance: round-robin, targets: [sip:10.1.0.10, "),
    );
    network.set("10.1.0.11", "failing");
    assert.deepEqual(
      [0, 1, 2, 3].map(() => network.order()[0]),
      ["10.1.0.10", "10.1.0.12", "10.1.0.10", "10.1.0.12"],
    );
  });

  test("round-robin goes on evenly over those that are left", () => {
    const network = new Network(FILE.replace("pbx: {", "pbx: { balance: round-robin,"));
    network.set("10.1.0.11", "down");
    assert.deepEqual(
      [0, 1].map(() => network.order()[0]),
      ["10.1.0.12", "10.1.0.12"],
    );
    network.set("10.1.0.11", "usable");
    assert.equal(new Set([0, 1].map(() => network.order()[0])).size, 2);
  });
});
