/** A command line without a process: what it wrote, and which nodes it would have started. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliEnvironment } from "../../../src/cli/main.ts";
import type { Config } from "../../../src/config/config.ts";

export interface Seen {
  out: string;
  err: string;
  readonly started: { readonly config: Config; readonly file: string }[];
}

/** @param env the environment that ${NAME} is taken from */
export function cli(env: Record<string, string> = {}): { environment: CliEnvironment; seen: Seen } {
  const seen: Seen = { out: "", err: "", started: [] };
  const environment: CliEnvironment = {
    env,
    out: (text) => {
      seen.out += text;
    },
    err: (text) => {
      seen.err += text;
    },
    runNode: async (config, { file }) => {
      seen.started.push({ config, file });
    },
  };
  return { environment, seen };
}

/** Runs with a file of this content, and removes it. */
export async function withFile(
  content: string | Uint8Array,
  run: (file: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tandem-config-"));
  try {
    const file = join(folder, "edge.yaml");
    writeFileSync(file, content);
    await run(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
