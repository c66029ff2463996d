import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type RedisFacts, redisWarnings } from "../../../src/replication/redis-checks.ts";

const GOOD: RedisFacts = {
  version: "7.0.15",
  maxMemory: 0,
  evictionPolicy: "noeviction",
  isAppendOnly: true,
  save: "",
};

describe("what a Redis is set to", () => {
  const rows: { name: string; facts: Partial<RedisFacts>; remedy: RegExp | null }[] = [
    { name: "all well", facts: {}, remedy: null },
    { name: "6.2 is enough", facts: { version: "6.2.0" }, remedy: null },
    { name: "6.0 is not", facts: { version: "6.0.16" }, remedy: /upgrade/ },
    {
      name: "evicts",
      facts: { maxMemory: 1, evictionPolicy: "allkeys-lru" },
      remedy: /set maxmemory-policy noeviction/,
    },
    { name: "would evict, if it had a bound", facts: { evictionPolicy: "allkeys-lru" }, remedy: null },
    { name: "nothing on disk", facts: { isAppendOnly: false }, remedy: /set appendonly yes/ },
    { name: "snapshots on disk", facts: { isAppendOnly: false, save: "3600 1" }, remedy: null },
    { name: "may not be asked", facts: { isAppendOnly: false, save: null }, remedy: null },
  ];
  for (const { name, facts, remedy } of rows) {
    test(name, () => {
      const warnings = redisWarnings({ ...GOOD, ...facts });
      assert.equal(warnings.length, remedy === null ? 0 : 1);
      if (remedy !== null) assert.match(warnings[0] ?? "", remedy);
    });
  }
});
