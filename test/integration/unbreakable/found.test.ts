// What the fuzzing has found, a row each.
import assert from "node:assert/strict";
import { test } from "node:test";
import { heapFault } from "../../soak/heap.ts";
import { answer, CALLER, only, ProxyWorld, pbx, request } from "../../support/proxy-world.ts";

const ALL_TIMERS_MS = 400_000;
const LONGEST_CALL_MS = 13 * 3_600_000;

function skip(world: ProxyWorld, ms: number): void {
  world.now += ms;
  world.wheel.advance(world.now);
}

const BROKEN_ANSWERS = [
  { name: "no To", damage: (text: string) => text.replace(/^To:.*\r\n/m, "") },
  { name: "an empty To", damage: (text: string) => text.replace(/^To:.*$/m, "To: ") },
  { name: "a To that runs on", damage: (text: string) => text.replace(/^(To:.*)$/m, "$1Contact: <sip:a@b") },
  { name: "a Contact that is none", damage: (text: string) => text.replace(/^Contact:.*$/m, 'Contact: "<') },
  {
    name: "a Record-Route that is none",
    damage: (text: string) =>
      text.replace(/^(Record-Route:.*)$/m, "$1\r\nRecord-Route: <s\\\\ip:t1.u0@a;lr>"),
  },
];

for (const { name, damage } of BROKEN_ANSWERS) {
  test(`a call whose 200 has ${name} does not stay in the table for ever`, () => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(damage(answer(invite.message, 200)), invite.flow);
    skip(world, ALL_TIMERS_MS);
    skip(world, LONGEST_CALL_MS);
    skip(world, ALL_TIMERS_MS);
    assert.ok(world.idle);
    assert.equal(world.calls.size, 0);
  });
}

test("one message that no datagram can carry does not take the others to its target with it", () => {
  const world = new ProxyWorld();
  const invite = world.invite();
  const large = request("OPTIONS", {
    via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKlarge;rport",
    callId: "large",
    body: "b".repeat(65_000),
  });
  world.receive(large, CALLER);
  const sent = world.fail(pbx(1), "too-large");
  assert.equal(sent.filter(({ message }) => message.isRequest && message.method === "INVITE").length, 0);
  const answered = world.receive(answer(invite.message, 200), invite.flow);
  assert.equal(only(answered, "200").to, "udp:192.0.2.1:5060");
});

const HEAPS = [
  { name: "the same", sizes: [100, 100, 100], fault: null },
  { name: "smaller", sizes: [100, 90, 80], fault: null },
  { name: "filled up in the first half", sizes: [100, 104, 104], fault: null },
  { name: "6% more at the end", sizes: [100, 100, 106], fault: /since the start/ },
  { name: "more in each half", sizes: [1_000, 1_026, 1_052], fault: /grown|halves/ },
] as const;

for (const { name, sizes, fault } of HEAPS) {
  test(`the soak's verdict: ${name}`, () => {
    const told = heapFault(sizes, 0.05);
    if (fault === null) assert.equal(told, null);
    else assert.match(told ?? "", fault);
  });
}
