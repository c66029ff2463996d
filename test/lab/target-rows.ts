// What a running node says of its targets, and waiting until it says something else.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { askNode } from "../../src/admin/control-client.ts";
import type { NameRow, TargetRow } from "../../src/admin/target-commands.ts";

/** Rows of the `targets` command, by id. */
export async function targetRows(socket: string): Promise<Map<string, TargetRow>> {
  const answer = await askNode(socket, { command: "targets" });
  const rows = answer["targets"] as TargetRow[];
  return new Map(rows.map((row) => [row.id, row]));
}

/** Names that the node follows. */
export async function nameRows(socket: string): Promise<NameRow[]> {
  const answer = await askNode(socket, { command: "targets" });
  return answer["names"] as NameRow[];
}

/** Waits until a target has a state. @throws after `withinMs` */
export async function untilTarget(
  socket: string,
  id: string,
  { state, withinMs }: { state: string; withinMs: number },
): Promise<TargetRow> {
  const tooLate = performance.now() + withinMs;
  for (;;) {
    const row = (await targetRows(socket)).get(id);
    if (row?.state === state) return row;
    assert.ok(performance.now() < tooLate, `${id} is ${row?.state} after ${withinMs} ms: ${row?.why}`);
    await delay(20);
  }
}
