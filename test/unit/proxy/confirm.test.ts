// redis.confirm: what waits for its commit, and what does not (docs/replication.md).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Confirm } from "../../../src/proxy/context-journal.ts";
import type { Journal, JournalEntry } from "../../../src/replication/journal.ts";
import { answer, outline, ProxyWorld, pbx, request, WORLD_CONFIG } from "../../support/proxy-world.ts";

/** A store that commits when it is told to. */
class HeldJournal implements Journal {
  readonly marked: JournalEntry[] = [];
  private waiting: (() => void)[] = [];

  mark(entry: JournalEntry): void {
    this.marked.push(entry);
  }

  end(entry: JournalEntry): void {
    entry.source = null;
  }

  adopt(): void {}

  confirmed(then: () => void): void {
    this.waiting.push(then);
  }

  commit(): void {
    for (const then of this.waiting.splice(0)) then();
  }
}

function worldOf(mode: Confirm, config = WORLD_CONFIG) {
  const journal = new HeldJournal();
  const world = new ProxyWorld(config, undefined, 1_000, { mode, journal });
  const committed = (): string[] => {
    const before = world.sent.length;
    journal.commit();
    return outline(world.sent.slice(before));
  };
  return { journal, world, committed };
}

describe("confirm: invite", () => {
  test("the INVITE waits, and the 100 before it: until it is stored the caller is to repeat", () => {
    const { journal, world, committed } = worldOf("invite");
    assert.deepEqual(outline(world.receive(request("INVITE"))), []);
    assert.ok(journal.marked.some(({ key }) => key.startsWith("invite ")));
    assert.deepEqual(committed(), ["INVITE pbx1", "100 caller"]);
  });

  test("an INVITE repeated while it waits is absorbed", () => {
    const { world, committed } = worldOf("invite");
    world.receive(request("INVITE"));
    assert.deepEqual(outline(world.receive(request("INVITE"))), []);
    assert.deepEqual(committed(), ["INVITE pbx1", "100 caller"]);
    assert.deepEqual(outline(world.receive(request("INVITE"))), ["100 caller"]);
  });

  test("where a final goes up meanwhile no 100 follows it (RFC 3261 17.2.1)", () => {
    const full = WORLD_CONFIG.replace(
      "    sources: [10.1.0.0/24]",
      "    sources: [10.1.0.0/24]\n    maxCalls: 1",
    );
    const { world, committed } = worldOf("invite", full);
    world.receive(
      request("INVITE", { callId: "first", via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKfirst" }),
    );
    committed();
    assert.deepEqual(outline(world.receive(request("INVITE"))), ["503 caller"]);
    assert.deepEqual(committed(), []);
  });

  test("what answers it does not wait", () => {
    const { world, committed } = worldOf("invite");
    world.receive(request("INVITE"));
    committed();
    const invite = world.sent.find(({ message }) => message.method === "INVITE");
    assert.ok(invite);
    for (const status of [180, 200])
      assert.deepEqual(outline(world.receive(answer(invite.message, status), pbx(1))), [`${status} caller`]);
  });
});

describe("confirm: 2xx", () => {
  test("the 2xx waits, and nothing else does", () => {
    const { world, committed } = worldOf("2xx");
    const invite = world.invite();
    assert.deepEqual(outline(world.sent), ["INVITE pbx1", "100 caller"]);
    assert.deepEqual(outline(world.receive(answer(invite.message, 180), pbx(1))), ["180 caller"]);
    assert.deepEqual(outline(world.receive(answer(invite.message, 200), pbx(1))), []);
    assert.deepEqual(committed(), ["200 caller"]);
  });

  test("a refusal does not wait", () => {
    const { world } = worldOf("2xx");
    const invite = world.invite();
    const sent = world.receive(answer(invite.message, 486), pbx(1));
    assert.deepEqual(outline(sent), ["ACK pbx1", "486 caller"]);
  });
});

test("confirm: off: nothing waits", () => {
  const { world } = worldOf("off");
  const invite = world.invite();
  world.receive(answer(invite.message, 200), pbx(1));
  assert.deepEqual(outline(world.sent), ["INVITE pbx1", "100 caller", "200 caller"]);
});
