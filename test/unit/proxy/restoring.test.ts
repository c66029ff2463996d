// What a successor does with the calls of the node before it (docs/replication.md). Each row: what the first node saw, what the
// second one gets, what it sends.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  CALLER,
  dialogOf,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  type StoredRecords,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";
import { comes, first, respond, ringing, SWITCH_ROWS, second, time } from "../../support/switch-rows.ts";

const endings = ({ cdrs }: ProxyWorld): string[] => cdrs.map(({ endedBy }) => endedBy);

describe("after a switch with all stored", () => {
  for (const { name, before, after, sends } of SWITCH_ROWS) {
    test(name, () => {
      const { world, invite } = first(...before);
      const successor = second(world, world.stored());
      assert.deepEqual(outline(after(successor, invite)), sends);
    });
  }

  test("Timer C ends what rings too long at its own time, once (§16.8)", () => {
    const { world } = first(ringing, time(100_000));
    const successor = second(world, world.stored());
    assert.deepEqual(outline(successor.pass(84_999)), []);
    assert.deepEqual(outline(successor.pass(1)), ["CANCEL pbx1"]);
  });

  test("a session that is not refreshed ends at its own time (RFC 4028 §10)", () => {
    const { world, invite } = first();
    world.receive(answer(invite.message, 200, { headers: "Session-Expires: 90\r\n" }), invite.flow);
    world.pass(60_000);
    const successor = second(world, world.stored());
    successor.pass(29_999);
    assert.equal(successor.cdrs.length, 0);
    successor.pass(1);
    assert.deepEqual(
      successor.cdrs.map(({ endedBy, durationMs }) => [endedBy, durationMs]),
      [["session-timer", 90_000]],
    );
  });

  test("a call ends at its longest duration, with a BYE to both sides and the right CSeq", () => {
    const config = WORLD_CONFIG.replace("setupTimeout: 10m", "setupTimeout: 10m, maxDuration: 5m");
    const world = new ProxyWorld(config);
    const invite = world.invite();
    world.receive(answer(invite.message, 200), invite.flow);
    world.pass(200_000);
    const successor = second(world, world.stored(), config);
    assert.deepEqual(outline(successor.pass(99_999)), []);
    const byes = successor.pass(1);
    assert.deepEqual(outline(byes), ["BYE pbx1", "BYE caller"]);
    assert.deepEqual(
      byes.map(({ message }) => message.cseqNumber),
      [2, 1],
    );
  });

  test("what was stored some time ago is as much older here", () => {
    const { world } = first();
    const stored = world.stored();
    world.pass(1_700);
    const successor = second(world, stored);
    assert.deepEqual(
      successor.pass(300).map(({ at, message, to }) => [at, message.method, to]),
      [
        [2_701, "INVITE", "udp:10.1.0.11:5060"],
        [3_000, "INVITE", "udp:10.1.0.12:5060"],
      ],
    );
  });

  test("the account of a call is written once, with its true start", () => {
    const { world, invite } = first(ringing, comes(200), time(10_000));
    const successor = second(world, world.stored());
    const [bye] = successor.inDialog("BYE", invite);
    assert.ok(bye !== undefined);
    successor.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual(
      successor.cdrs.map(({ endedBy, durationMs, start, ringing: rang, attempts }) => [
        endedBy,
        durationMs,
        start - Date.UTC(2026, 10, 23, 9),
        rang !== null,
        attempts.length,
      ]),
      [["caller", 10_000, 1_000, true, 1]],
    );
    assert.equal(world.cdrs.length, 0);
  });

  test("calls on a target are counted anew", () => {
    const { world } = first(ringing);
    const successor = second(world, world.stored());
    assert.equal(successor.calls.awaited, 1);
    successor.pass(1);
    assert.deepEqual([successor.calls.awaited, successor.calls.callsOn("udp:10.1.0.11:5060")], [0, 1]);
  });
});

describe("after a switch whose last milliseconds were not stored", () => {
  const ringingStored = (): { world: ProxyWorld; invite: Sent; stored: StoredRecords } => {
    const { world, invite } = first(ringing);
    return { world, invite, stored: world.stored() };
  };

  test("the ACK of a 200 that went up before says so: the call is up, and Timer C leaves it alone", () => {
    const { world, invite, stored } = ringingStored();
    comes(200)(world);
    const successor = second(world, stored);
    assert.deepEqual(outline(successor.inDialog("ACK", invite, { cseq: 1 })), ["ACK pbx1"]);
    assert.equal(successor.calls.find("call-1@192.0.2.1 a1")?.isAnswered, true);
    assert.deepEqual(outline(successor.pass(400_000)), []);
    assert.deepEqual(outline(successor.inDialog("BYE", invite)), ["BYE pbx1"]);
  });

  test("the ACK of a refusal that went up before ends the INVITE, and the target is not cancelled", () => {
    const { world, stored } = ringingStored();
    comes(486)(world);
    const successor = second(world, stored);
    assert.deepEqual(outline(successor.receive(request("ACK"))), []);
    assert.deepEqual(outline(successor.pass(400_000)), []);
    assert.deepEqual(endings(successor), ["uncertain"]);
    assert.ok(successor.idle);
  });

  test("an ACK that no final can have caused changes nothing where nothing was taken over", () => {
    const { world, invite } = first(ringing);
    world.receive(request("ACK"));
    assert.deepEqual(outline(world.receive(answer(invite.message, 200), invite.flow)), ["200 caller"]);
  });

  test("a second target that was tried unseen gets the same INVITE, and no other call", () => {
    const { world } = first(time(1_900));
    const stored = world.stored();
    const tried = world.pass(200).filter(({ flow }) => flow.address === pbx(2).address);
    const successor = second(world, stored);
    const again = successor.pass(100).filter(({ flow }) => flow.address === pbx(2).address);
    assert.deepEqual(again[0]?.text, tried[0]?.text);
  });

  test("a call that ends by a BYE answered unseen is accounted for as uncertain, once", () => {
    const { world, invite } = first(ringing, comes(200));
    const [bye] = world.inDialog("BYE", invite);
    const stored = world.stored();
    assert.ok(bye !== undefined);
    world.receive(answer(bye.message, 200), bye.flow);
    const successor = second(world, stored);
    successor.pass(31_999);
    assert.equal(successor.cdrs.length, 0);
    successor.pass(1);
    assert.deepEqual(endings(successor), ["uncertain"]);
    assert.equal(successor.cdrs[0]?.id, world.cdrs[0]?.id);
  });

  test("the 200 of a BYE that the other node forwarded ends the call as the caller's", () => {
    const { world, invite } = first(ringing, comes(200));
    const [bye] = world.inDialog("BYE", invite);
    assert.ok(bye !== undefined);
    const successor = second(world, world.stored());
    assert.deepEqual(outline(successor.receive(answer(bye.message, 200), bye.flow)), ["200 caller"]);
    assert.deepEqual(endings(successor), ["caller"]);
  });

  test("a call that rings and whose INVITE was not stored is answered all the same", () => {
    const { world, invite, stored } = ringingStored();
    const calls = { ...stored, records: stored.records.filter(([key]) => key.startsWith("call ")) };
    const successor = second(world, calls);
    const up = successor.receive(answer(invite.message, 200, { tag: "b1" }), invite.flow);
    assert.deepEqual(outline(up), ["200 caller"]);
    assert.equal(successor.calls.find("call-1@192.0.2.1 a1")?.isAnswered, true);
  });

  test("one of which nothing is heard any more ends as uncertain when it could ring no longer", () => {
    const { world, stored } = ringingStored();
    const successor = second(world, {
      ...stored,
      records: stored.records.filter(([key]) => key.startsWith("call ")),
    });
    successor.pass(185_000);
    assert.deepEqual(endings(successor), ["uncertain"]);
  });
});

describe("records of other versions", () => {
  test("those that begin with fields of today and have more are read", () => {
    const { world, invite } = first(ringing);
    const stored = world.stored();
    const records = stored.records.map(([key, text]) => [key, `${text.replace(/^1;/, "2;")}3:new`] as const);
    const successor = second(world, { ...stored, records });
    assert.deepEqual(outline(respond(200)(successor, invite)), ["200 caller"]);
  });

  test("what is no record, and what is too new, is counted and left out", () => {
    const world = new ProxyWorld();
    const counts = world.restore({
      at: world.now,
      records: [
        ["invite x", "garbage"],
        ["invite y", "1;3:abc"],
        ["call 1 z", "3;0:"],
        ["call 1 ", "1;"],
        ["own BYE", "1;"],
        ["other", ""],
      ],
    });
    assert.deepEqual([counts.garbage, counts.newer, counts.invites, counts.calls], [5, 1, 0, 0]);
  });

  test("what one dialog's caller is told does not depend on the node", () => {
    const { world, invite } = first(ringing, comes(200));
    const successor = second(world, world.stored());
    const parts = { ...dialogOf(invite, "OPTIONS"), via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx" };
    const [here] = successor.receive(request("OPTIONS", parts), CALLER);
    const [there] = world.receive(request("OPTIONS", parts), CALLER);
    assert.equal(here?.text, there?.text);
  });
});
