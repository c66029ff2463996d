import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KeptForATime } from "../../../src/proxy/finished.ts";
import { TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";
import { answer, outline, ProxyWorld, pbx, request } from "../../support/proxy-world.ts";

const T1_64 = 32_000;
const T4 = 5_000;

describe("a non-INVITE transaction that has its final response (RFC 3261 §17.1.2.2, §17.2.2)", () => {
  const finished = (): ProxyWorld => {
    const world = new ProxyWorld();
    const [first] = world.receive(request("MESSAGE"));
    assert.ok(first);
    world.receive(answer(first.message, 200), pbx(1));
    return world;
  };
  test("Timer J: the request again gets the response again, and after it is a new one", () => {
    const world = finished();
    world.pass(T1_64 - 10);
    assert.deepEqual(outline(world.receive(request("MESSAGE"))), ["200 caller"]);
    assert.equal(world.count("retransmission.absorbed"), 1);
    world.pass(20);
    assert.deepEqual(outline(world.receive(request("MESSAGE"))), ["MESSAGE pbx1"]);
  });
  test("Timer K: the response again is absorbed, uncounted", () => {
    const world = new ProxyWorld();
    const [first] = world.receive(request("MESSAGE"));
    assert.ok(first);
    const response = answer(first.message, 200);
    world.receive(response, pbx(1));
    world.pass(T4 - 10);
    const before = { ...world.proxy.status().counters };
    assert.deepEqual(world.receive(response, pbx(1)), []);
    assert.deepEqual({ ...world.proxy.status().counters }, before);
  });
  test("it counts as a transaction, and leaves nothing", () => {
    const world = finished();
    assert.deepEqual([world.proxy.status().contexts, world.proxy.status().branches], [1, 1]);
    world.pass(T4 + 10);
    assert.deepEqual([world.proxy.status().contexts, world.proxy.status().branches], [1, 0]);
    world.pass(T1_64 - T4);
    assert.equal(world.proxy.status().contexts, 0);
    assert.ok(world.idle);
  });
});

describe("kept for a time", () => {
  test("each until its own end, with one timer; ten thousand leave nothing behind", () => {
    const wheel = new TimerWheel(0, 10);
    let ended = 0;
    const kept = new KeptForATime<{ key: string; until: number }>(wheel, ({ until }) => {
      assert.equal(until, 1_000 + ended++);
    });
    for (let number = 0; number < 10_000; number++) kept.add({ key: `key ${number}`, until: 1_000 + number });
    assert.equal(wheel.size, 1);
    assert.equal(kept.latest, 10_999);
    for (let now = 10; now <= 6_000; now += 10) wheel.advance(now);
    assert.deepEqual(
      [kept.find("key 4989"), kept.find("key 5001")?.until, kept.size, ended],
      [undefined, 6_001, 4_999, 5_001],
    );
    for (let now = 6_010; now <= 11_010; now += 10) wheel.advance(now);
    assert.deepEqual([kept.size, wheel.size], [0, 0]);
  });
  test("what is added again under its key lives on to its second end", () => {
    const wheel = new TimerWheel(0, 10);
    const ended: number[] = [];
    const kept = new KeptForATime<{ key: string; until: number }>(wheel, ({ until }) => ended.push(until));
    kept.add({ key: "key", until: 100 });
    kept.add({ key: "key", until: 200 });
    for (let now = 10; now <= 150; now += 10) wheel.advance(now);
    assert.deepEqual([kept.find("key")?.until, ended], [200, []]);
    for (let now = 160; now <= 210; now += 10) wheel.advance(now);
    assert.deepEqual([kept.find("key"), ended], [undefined, [200]]);
  });
  test("until when any was kept at most, also where a later one ends earlier", () => {
    const kept = new KeptForATime<{ key: string; until: number }>(new TimerWheel(0, 10), () => {});
    assert.equal(kept.latest, 0);
    kept.add({ key: "long", until: 200 });
    kept.add({ key: "short", until: 100 });
    assert.equal(kept.latest, 200);
  });
  test("what is taken out ends untold", () => {
    const wheel = new TimerWheel(0, 10);
    const kept = new KeptForATime<{ key: string; until: number }>(wheel, () => assert.fail());
    const one = { key: "key", until: 100 };
    kept.add(one);
    kept.take(one);
    assert.equal(kept.find("key"), undefined);
    for (let now = 10; now <= 150; now += 10) wheel.advance(now);
    assert.equal(wheel.size, 0);
  });
});
