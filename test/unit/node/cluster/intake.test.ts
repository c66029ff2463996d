// What becomes of messages while the right to serve changes hands.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Intake } from "../../../../src/node/cluster/intake.ts";
import type { Flow } from "../../../../src/transport/flow.ts";

const FLOW: Flow = { transport: "udp", listener: 0, address: "10.0.0.9", port: 5060, connection: 0 };
const HELD_MAX = 4_096;

function world(mayServe = true) {
  const seen = { served: [] as string[], overdue: 0, mayServe };
  const intake = new Intake({
    mayServe: () => seen.mayServe,
    receive: (raw) => seen.served.push(raw),
    overdue: () => {
      seen.overdue++;
    },
  });
  return { seen, intake, come: (raw: string) => intake.take(raw, FLOW) };
}

describe("messages of a cluster node", () => {
  test("are dropped while it is a standby", () => {
    const { seen, intake, come } = world();
    come("a");
    assert.deepEqual([seen.served, intake.dropped], [[], 1]);
  });

  test("are held until the calls are restored, then served in their order", () => {
    const { seen, intake, come } = world();
    intake.hold();
    come("a");
    come("b");
    assert.deepEqual(seen.served, []);
    intake.open();
    come("c");
    assert.deepEqual(seen.served, ["a", "b", "c"]);
  });

  test("a node that wakes past its right to serve reads nothing of what lies in its sockets, and looks at once", () => {
    const { seen, intake, come } = world();
    intake.open();
    come("a");
    seen.mayServe = false;
    come("b");
    come("c");
    assert.deepEqual([seen.served, seen.overdue, intake.dropped], [["a"], 2, 2]);
  });

  test("go to the successor after a hand-over, those held before the later ones", () => {
    const { intake, come } = world();
    const relayed: string[] = [];
    intake.hold();
    come("a");
    intake.relay((raw) => relayed.push(raw));
    come("b");
    intake.close();
    come("c");
    assert.deepEqual([relayed, intake.dropped], [["a", "b"], 1]);
  });

  test(`of ${HELD_MAX} held ones none is lost, of one more the oldest`, () => {
    const { seen, intake, come } = world();
    intake.hold();
    for (let i = 0; i < HELD_MAX; i++) come(`${i}`);
    assert.equal(intake.dropped, 0);
    come("last");
    assert.equal(intake.dropped, 1);
    intake.open();
    assert.deepEqual([seen.served.length, seen.served[0], seen.served.at(-1)], [HELD_MAX, "1", "last"]);
  });
});
