// What a former version stored is as good as what this one stores: a successor goes on from it alike. The file was written once, by
// the version of 2026-11-26, and is never written again.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { outline, type ProxyWorld, type Sent, type StoredRecords } from "../../support/proxy-world.ts";
import { comes, first, ringing, SWITCH_ROWS, second, time } from "../../support/switch-rows.ts";

const FILE = join(import.meta.dirname, "records-version-1.json");
const { states }: { states: Record<string, StoredRecords> } = JSON.parse(readFileSync(FILE, "utf8"));

function formerOf(name: string): StoredRecords {
  const stored = states[name];
  assert.ok(stored !== undefined, `the former version stored nothing of this name: ${name}`);
  return stored;
}

/** All that a successor does until the call is forgotten. */
function story(
  successor: ProxyWorld,
  invite: Sent,
  after: (world: ProxyWorld, invite: Sent) => readonly Sent[],
) {
  const outlined = outline(after(successor, invite));
  successor.pass(400_000);
  const wire = successor.sent.map(({ at, to, text }) => [at, to, text]);
  return { outlined, wire, cdrs: successor.cdrs };
}

describe("from the records of the former version", () => {
  for (const { name, before, after, sends } of SWITCH_ROWS) {
    test(name, () => {
      const { world, invite } = first(...before);
      const from = (stored: StoredRecords) => story(second(world, stored), invite, after);
      const former = from(formerOf(name));
      assert.deepEqual(former.outlined, sends);
      assert.deepEqual(former, from(world.stored()));
    });
  }

  for (const { name, before } of SWITCH_ROWS) {
    test(`the form is still that one: ${name}`, () => {
      const { world } = first(...before);
      assert.deepEqual(new Map(world.stored().records), new Map(formerOf(name).records));
    });
  }

  test("the account of a call that ended unaccounted for is written", () => {
    const { world } = first(ringing, comes(200), time(10_000));
    const successor = second(world, formerOf("a call that ended, and whose account was not written"));
    successor.pass(1);
    assert.deepEqual(
      successor.cdrs.map(({ endedBy, durationMs, status, reason, end, attempts }) => [
        [endedBy, durationMs, status, reason, end],
        attempts.map((attempt) => [attempt.target, attempt.status]),
      ]),
      [
        [
          ["caller", 10_000, 200, 'SIP;cause=16;text="Bye"', 1_795_683_611_000],
          [["udp:10.1.0.11:5060", 200]],
        ],
      ],
    );
  });
});
