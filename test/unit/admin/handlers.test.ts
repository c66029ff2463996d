import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answerCommand, type CommandHandler } from "../../../src/admin/handlers.ts";

const handlers = new Map<string, CommandHandler>([
  ["echo", (request) => ({ ok: true, heard: request["word"] })],
  ["later", async () => ({ ok: false, error: "not today" })],
]);

describe("a command", () => {
  const rows = [
    { name: "is answered", text: '{"command":"echo","word":5}', answer: { ok: true, heard: 5 } },
    { name: "may take its time", text: '{"command":"later"}', answer: { ok: false, error: "not today" } },
  ];
  for (const { name, text, answer } of rows) {
    test(name, async () => assert.deepEqual(await answerCommand(handlers, text), answer));
  }

  for (const text of [
    "",
    "echo",
    "null",
    "[]",
    "5",
    "{}",
    '{"command":5}',
    '{"command":null}',
    '{"command"',
  ]) {
    test(`${text} is none`, async () => {
      const { ok, error } = await answerCommand(handlers, text);
      assert.equal(ok, false);
      assert.match(error ?? "", /one JSON object a line/);
    });
  }

  for (const command of ["reboot", "__proto__", "constructor", "toString"]) {
    test(`${command} is unknown`, async () => {
      const { ok, error } = await answerCommand(handlers, JSON.stringify({ command }));
      assert.deepEqual([ok, error], [false, "no such command; there is: echo, later"]);
    });
  }
});
