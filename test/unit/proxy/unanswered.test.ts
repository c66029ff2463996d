import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY_PLACES_MAX, forgetUnanswered, rememberUnanswered } from "../../../src/proxy/branch-side.ts";
import type { Branch } from "../../../src/proxy/response-context.ts";

function branchTo(place: string): Branch {
  const flow = { transport: "udp", listener: 0, address: "192.0.2.1", port: 5060, connection: 0 } as const;
  const policy = {
    noAnswerAfterMs: 0,
    noProgressAfterMs: 0,
    on: new Set<number>(),
    afterProgress: false,
    maxAttempts: 1,
  };
  return {
    id: place,
    hop: { flow, place, target: null, policy, uriText: "", mayUseTcp: false },
    reliable: false,
    request: "",
    invite: null,
    other: null,
    wanted: true,
    provisional: 0,
    final: 0,
    noAnswerAt: 0,
    noProgressAt: 0,
    timerC: 0,
    cancelWanted: false,
    cancel: null,
    cancelledBy: 0,
    ack: "",
    breadth: 1,
    isUnanswered: false,
  };
}

for (const { places, kept } of [
  { places: EMPTY_PLACES_MAX, kept: EMPTY_PLACES_MAX },
  { places: EMPTY_PLACES_MAX + 1, kept: EMPTY_PLACES_MAX },
]) {
  test(`of ${places} places whose branches are answered, ${kept} are remembered`, () => {
    const unanswered = new Map<string, Set<Branch>>();
    const branches = Array.from({ length: places }, (_, number) => branchTo(`udp:${number}`));
    for (const branch of branches) rememberUnanswered({ unanswered }, branch);
    for (const branch of branches) forgetUnanswered({ unanswered }, branch);
    assert.equal(unanswered.size, kept);
    assert.ok([...unanswered.values()].every((set) => set.size === 0));
  });
}
