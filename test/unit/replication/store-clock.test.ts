import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StoreClock } from "../../../src/replication/store-clock.ts";

describe("the store's clock", () => {
  test("the reading with the shortest way counts", () => {
    const clock = new StoreClock();
    clock.read({ askedAt: 0, answeredAt: 40, storeTime: 10_035 }); // the answer was late
    clock.read({ askedAt: 100, answeredAt: 102, storeTime: 10_101 });
    clock.read({ askedAt: 200, answeredAt: 260, storeTime: 10_205 });
    assert.equal(clock.at(300), 10_300);
  });

  test("a clock that was set, or another server's, starts anew", () => {
    const clock = new StoreClock();
    clock.read({ askedAt: 0, answeredAt: 2, storeTime: 10_001 });
    clock.read({ askedAt: 100, answeredAt: 110, storeTime: 5_105 });
    assert.equal(clock.at(200), 5_200);
  });

  test("an age is never negative, and 0 where the clock was never read", () => {
    const clock = new StoreClock();
    assert.equal(clock.ageOf(10_000, 5), 0);
    clock.read({ askedAt: 0, answeredAt: 0, storeTime: 10_000 });
    assert.equal(clock.ageOf(10_050, 20), 0);
    assert.equal(clock.ageOf(9_000, 20), 1_020);
  });
});
