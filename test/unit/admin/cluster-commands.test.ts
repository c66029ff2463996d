// The commands about a node's place in its cluster: what they hand on, and what they answer.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ClusterCommand,
  type ClusterStatus,
  clusterCommands,
} from "../../../src/admin/cluster-commands.ts";
import { answerCommand } from "../../../src/admin/handlers.ts";

const STATUS: ClusterStatus = {
  cluster: "edge",
  node: "edge-a",
  role: "active",
  epoch: 7,
  active: "edge-a",
  mayServe: true,
  hasAddress: true,
  notReady: null,
  decision: null,
  front: "ok",
  redis: "ok",
  disk: null,
  journal: {
    records: 3,
    lagMs: 0,
    inSync: true,
    reason: "every change is committed",
    uncommitted: 0,
    unconfirmed: 0,
  },
  peers: [],
  ignored: {},
};

async function ask(request: object, ok = true) {
  const asked: ClusterCommand[] = [];
  const handlers = clusterCommands({
    status: () => STATUS,
    operate: (command) => {
      asked.push(command);
      return { ok, reason: ok ? "begun" : "edge-b is not ready" };
    },
    history: async () => ({ source: "redis", entries: [{ what: "role" }] }),
  });
  return { asked, answer: await answerCommand(handlers, JSON.stringify(request)) };
}

describe("commands of a cluster", () => {
  const rows: readonly [request: object, asked: readonly ClusterCommand[]][] = [
    [{ command: "switchover" }, [{ kind: "switchover", to: null, force: false }]],
    [
      { command: "switchover", to: "edge-b", force: true },
      [{ kind: "switchover", to: "edge-b", force: true }],
    ],
    [{ command: "switchover", to: 5, force: "yes" }, [{ kind: "switchover", to: null, force: false }]],
    [{ command: "maintenance", on: true }, [{ kind: "maintenance", on: true }]],
    [{ command: "maintenance", on: false }, [{ kind: "maintenance", on: false }]],
    [{ command: "maintenance", on: "on" }, []],
  ];
  for (const [request, want] of rows) {
    test(JSON.stringify(request), async () => {
      const { asked, answer } = await ask(request);
      assert.deepEqual(asked, want);
      assert.equal(answer.ok, want.length > 0);
    });
  }

  test("a refusal says why", async () => {
    const { answer } = await ask({ command: "switchover" }, false);
    assert.deepEqual(answer, { ok: false, reason: "edge-b is not ready", error: "edge-b is not ready" });
  });

  test("status and history are handed out whole", async () => {
    assert.deepEqual((await ask({ command: "status" })).answer, { ok: true, ...STATUS });
    const { answer } = await ask({ command: "history" });
    assert.deepEqual(answer, { ok: true, source: "redis", entries: [{ what: "role" }] });
  });
});
