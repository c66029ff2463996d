// A folder with programs written for a test, and the driver over one of them.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ScriptDriver, type ScriptDriverOptions } from "../../../src/floating-ip/script-driver.ts";

export class ScriptFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "tandem-script-"));

  /** Writes a POSIX shell script; $STATE is a file beside it. @returns its path */
  write(name: string, body: string): string {
    const file = join(this.path, name);
    writeFileSync(
      file,
      `#!/bin/sh\nSTATE=${join(this.path, "state")}\nLOG=${join(this.path, "log")}\n${body}\n`,
    );
    chmodSync(file, 0o755);
    return file;
  }

  read(name: string): string {
    const file = join(this.path, name);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  put(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function scriptDriver(
  command: readonly string[],
  options: Partial<ScriptDriverOptions> & { faults?: string[] } = {},
): ScriptDriver {
  return new ScriptDriver({
    command,
    node: "edge-a",
    interface: "eth0",
    addresses: ["198.51.100.10"],
    timeoutMs: 5_000,
    triesMax: 3,
    events: { onFault: (reason) => options.faults?.push(reason) },
    ...options,
  });
}
