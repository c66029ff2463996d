// The same changes through both journals: what a successor would read is the same.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Journal } from "../../../src/replication/journal.ts";
import { MemoryJournal } from "../../../src/replication/memory-journal.ts";
import { TestRecord } from "../../support/replicated.ts";
import { ReplicationWorld } from "../../support/replication-world.ts";

interface Subject {
  readonly journal: Journal;
  readonly settled: () => [string, string][];
}

const SUBJECTS: Readonly<Record<string, () => Subject>> = {
  "in memory": () => {
    const journal = new MemoryJournal();
    return { journal, settled: () => journal.records(0).sort() };
  },
  "through a store": () => {
    const world = new ReplicationWorld();
    const { writer } = world.active();
    const standby = world.standby();
    return {
      journal: writer,
      settled: () => {
        world.clock.advance(150);
        return standby.texts();
      },
    };
  },
};

const event = fc.record({
  what: fc.constantFrom("set", "set", "end"),
  id: fc.nat({ max: 8 }),
  text: fc.string(),
});

for (const [name, make] of Object.entries(SUBJECTS)) {
  describe(`a journal ${name}`, () => {
    test("has the newest text of every record that lives, and no other", () => {
      fc.assert(
        fc.property(fc.array(event, { maxLength: 60 }), (events) => {
          const { journal, settled } = make();
          const live = new Map<string, TestRecord>();
          for (const { what, id, text } of events) {
            const key = `call ${id}`;
            const record = live.get(key);
            if (what === "end") {
              live.delete(key);
              if (record !== undefined) journal.end(record.entry);
              continue;
            }
            const changed = record ?? new TestRecord(key, text);
            changed.text = text;
            live.set(key, changed);
            journal.mark(changed.entry);
          }
          const want = [...live].map(([key, { text }]): [string, string] => [key, text]).sort();
          assert.deepEqual(settled(), want);
        }),
        { numRuns: 50 },
      );
    });

    test("an entry that has ended is never written again", () => {
      const { journal, settled } = make();
      const record = new TestRecord("call 1", "a");
      journal.mark(record.entry);
      journal.end(record.entry);
      journal.mark(record.entry);
      journal.end(record.entry);
      assert.deepEqual(settled(), []);
    });

    test("what waits for a commit runs once", () => {
      const { journal, settled } = make();
      let runs = 0;
      journal.mark(new TestRecord("call 1", "a").entry);
      journal.confirmed(() => runs++);
      settled();
      assert.equal(runs, 1);
    });
  });
}
