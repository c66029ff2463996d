/** What operators have set, in a file of its own: it outlives a reload and a restart. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { OPERATED_MAX, type OperatorRecord } from "../health/health-table.ts";

/** What operators have set, one entry a target that is not enabled. */
export const OPERATOR_RECORDS = z
  .array(
    z.object({
      id: z.string().max(256),
      state: z.enum(["draining", "disabled"]),
      by: z.string().max(256),
    }),
  )
  .max(OPERATED_MAX);

const RECORDS = z.object({ version: z.literal(1), targets: OPERATOR_RECORDS });

/** The file that operators' settings are kept in can't be read or written. */
export class OperatorFileError extends Error {
  override readonly name = "OperatorFileError";
  readonly code = "OPERATOR_FILE";
}

/**
 * Reads what was stored; nothing where there is no file yet.
 * @throws OperatorFileError where it can't be read, or is none of ours: a target that was disabled must not come back unnoticed
 */
export function readOperatorFile(path: string): OperatorRecord[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw new OperatorFileError(`cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    return RECORDS.parse(JSON.parse(text)).targets;
  } catch (error) {
    const remedy = "mend it, or remove it to enable every target";
    throw new OperatorFileError(`${path} does not hold the states of targets: ${remedy}`, { cause: error });
  }
}

/**
 * Replaces the file as a whole: after a crash the old or the new one is there.
 * @throws OperatorFileError
 */
export function writeOperatorFile(path: string, targets: readonly OperatorRecord[]): void {
  const next = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    const file = openSync(next, "w", 0o640);
    try {
      writeSync(file, `${JSON.stringify({ version: 1, targets }, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
  } catch (error) {
    throw new OperatorFileError(`cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
