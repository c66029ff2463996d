// What a run was made on, as its table says it.
import { spawnSync } from "node:child_process";
import { cpus, release } from "node:os";
import type { Machine } from "./report.ts";

/** What `program -v` says; "of unknown version" where it says none. */
export function versionOf(program: string): string {
  const { stdout, stderr } = spawnSync(program, ["-v"], {
    encoding: "utf8",
    env: { ...process.env, TERM: "dumb" },
  });
  return /\bv?(\d+\.\d+\.\d+)/.exec(`${stdout}${stderr}`)?.[1] ?? "of unknown version";
}

export function thisMachine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: cpus().length,
    kernel: release(),
    node: process.versions.node,
    kamailio: versionOf("kamailio"),
    sipp: versionOf("sipp"),
  };
}
