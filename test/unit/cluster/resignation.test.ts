// When the guardian needs another kit to resign by: before an echo in it is too old to prove anything.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PROOF_MESSAGES_MAX, proves } from "../../../src/cluster/peer-view.ts";
import { isOutdated, type ResignationKit } from "../../../src/cluster/resignation.ts";

const echo = { boot: "boot-b", sequence: 500, at: 1 };
const kit: ResignationKit = {
  node: "edge-a",
  boot: "boot-a",
  epoch: 5,
  sequence: 700,
  at: 1,
  successor: "edge-b",
  peers: [{ node: "edge-b", echo }],
};
const heard = (changes: object) => ({ peers: [{ node: "edge-b", echo: { ...echo, ...changes } }] });

describe("the guardian's kit is", () => {
  const rows: { name: string; change: Partial<ResignationKit>; want: boolean }[] = [
    { name: "good while nothing happens", change: {}, want: false },
    { name: "good for 19 messages of ours", change: { sequence: 719, at: 2_000 }, want: false },
    { name: "outdated after 20 of ours", change: { sequence: 720 }, want: true },
    { name: "good for 19 of the peer's", change: heard({ sequence: 519 }), want: false },
    { name: "outdated after 20 of the peer's", change: heard({ sequence: 520 }), want: true },
    { name: "outdated by another life of the peer", change: heard({ boot: "boot-c" }), want: true },
    {
      name: "outdated where the peer is no more heard",
      change: { peers: [{ node: "edge-b", echo: null }] },
      want: true,
    },
    { name: "outdated by another epoch", change: { epoch: 6 }, want: true },
    { name: "outdated by another successor", change: { successor: null }, want: true },
  ];
  for (const { name, change, want } of rows)
    test(name, () => assert.equal(isOutdated(kit, { ...kit, ...change }), want));

  test("outdated where there is none", () => assert.equal(isOutdated(null, kit), true));
});

test("what its echo proves is proven until the next one, with two more rounds of messages lost", () => {
  let sequence = echo.sequence;
  while (!isOutdated(kit, { ...kit, ...heard({ sequence }) })) sequence++;
  const own = { boot: echo.boot, sequence: sequence + 2 * 20 - 1 };
  assert.ok(own.sequence - echo.sequence < PROOF_MESSAGES_MAX);
  assert.equal(proves(echo, own), true);
});
