// The commands over targets: who is meant by a name, and what is answered.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answerCommand } from "../../../src/admin/handlers.ts";
import {
  type OperatorWord,
  type TargetRow,
  type TargetsPort,
  targetCommands,
} from "../../../src/admin/target-commands.ts";

const row = (group: string, name: string, id: string): TargetRow => ({
  group,
  name,
  id,
  state: "up",
  observed: "up",
  forMs: 1,
  why: "OPTIONS answered 200",
  priority: 10,
  srvPriority: 0,
  weight: 100,
  calls: 0,
  tried: 0,
  answered: 0,
  answerSeizureRatio: null,
  rttMs: 1,
  lastProbe: "200",
  nextProbeMs: 5_000,
  heldMs: 0,
  detectionMs: 13_500,
  allow: "",
  server: "",
});

const ROWS = [
  row("pbx", "sip:10.1.0.11", "udp:10.1.0.11:5060"),
  row("spare", "sip:10.1.0.11;transport=udp", "udp:10.1.0.11:5060"),
  row("pbx", "sip:Farm.example;transport=tcp", "tcp:10.2.0.1:5060"),
  row("pbx", "sip:Farm.example;transport=tcp", "tcp:10.2.0.2:5060"),
  row("pbx", "sip:[2001:db8::1]", "udp:[2001:db8::1]:5060"),
];

function node(error: string | null = null) {
  const operated: [readonly string[], OperatorWord, string][] = [];
  const port: TargetsPort = {
    rows: () => ROWS,
    unresolved: () => [{ group: "pbx", name: "sip:gone.example", why: "no such name" }],
    names: () => [],
    operate: (ids, state, by) => {
      operated.push([ids, state, by]);
      return { error };
    },
  };
  const handlers = targetCommands(port);
  const ask = (request: object) => answerCommand(handlers, JSON.stringify(request));
  return { ask, operated };
}

describe("targets", () => {
  test("all rows, and names that lead nowhere", async () => {
    const answer = await node().ask({ command: "targets" });
    assert.ok(answer.ok);
    assert.deepEqual(answer["targets"], ROWS);
    assert.deepEqual(answer["unresolved"], [{ group: "pbx", name: "sip:gone.example", why: "no such name" }]);
  });

  const named: [string, string[]][] = [
    ["udp:10.1.0.11:5060", ["udp:10.1.0.11:5060"]],
    ["10.1.0.11:5060", ["udp:10.1.0.11:5060"]],
    ["10.1.0.11", ["udp:10.1.0.11:5060"]],
    ["sip:10.1.0.11", ["udp:10.1.0.11:5060"]],
    ["farm.example", ["tcp:10.2.0.1:5060", "tcp:10.2.0.2:5060"]],
    ["10.2.0.2", ["tcp:10.2.0.2:5060"]],
    ["[2001:DB8::1]", ["udp:[2001:db8::1]:5060"]],
  ];
  for (const [target, ids] of named) {
    test(`${target} names ${ids.join(" and ")}`, async () => {
      const { ask, operated } = node();
      const answer = await ask({ command: "targets.drain", target, by: "root" });
      assert.ok(answer.ok);
      assert.deepEqual(operated, [[ids, "draining", "root"]]);
    });
  }

  for (const [verb, state] of [
    ["drain", "draining"],
    ["disable", "disabled"],
    ["enable", "enabled"],
  ] as const) {
    test(`${verb} makes it ${state}, by somebody who gave no name`, async () => {
      const { ask, operated } = node();
      await ask({ command: `targets.${verb}`, target: "10.2.0.1" });
      assert.deepEqual(operated, [[["tcp:10.2.0.1:5060"], state, "an operator"]]);
    });
  }

  test("an unknown one changes nothing, and the answer names those that there are", async () => {
    const { ask, operated } = node();
    const answer = await ask({ command: "targets.disable", target: "10.1.0.1" });
    assert.equal(answer.ok, false);
    assert.match(answer.error ?? "", /no target is called 10\.1\.0\.1; there are: udp:10\.1\.0\.11:5060, /);
    assert.deepEqual(operated, []);
  });

  for (const target of [undefined, "", 5, null]) {
    test(`target ${String(target)} is none`, async () => {
      const { ask, operated } = node();
      assert.match((await ask({ command: "targets.enable", target })).error ?? "", /which target/);
      assert.deepEqual(operated, []);
    });
  }

  test("what could not be kept is said, with what is in effect", async () => {
    const answer = await node("in effect, but it will not outlive this run: full").ask({
      command: "targets.drain",
      target: "10.2.0.1",
    });
    assert.equal(answer.ok, false);
    assert.match(answer.error ?? "", /in effect/);
  });
});
