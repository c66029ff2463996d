// A program that runs in a host of the lab, for code that starts it by its name from this process.
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";

/** Writes a script that replaces itself by `program` in the host's namespace. @returns its path */
export function programIn(host: Host, program: string): string {
  const file = join(host.directory, `${host.name}-${program}`);
  writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${host.namespace} ${program} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}
