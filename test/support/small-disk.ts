/** A disk of some kilobytes, so that a test can fill it. */
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryCommand } from "../lab/command.ts";

const FILLER = "filler";

/** A tmpfs of its own, unmounted by {@link close}, by `using`, and else when the process exits. */
export class SmallDisk implements Disposable {
  readonly directory: string;
  readonly #onExit = (): void => this.close();

  /** @throws where the machine allows no mount */
  constructor(kibibytes: number) {
    this.directory = mkdtempSync(join(tmpdir(), "tandem-small-disk-"));
    const failure = tryCommand(["mount", "-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", this.directory]);
    if (failure !== null) {
      rmdirSync(this.directory);
      throw failure;
    }
    process.on("exit", this.#onExit);
  }

  /** Takes all the room that is left. */
  fill(): void {
    // In small steps: a write for which there is only some room must not leave a part of it free.
    for (let bytes = 4_096; bytes >= 1; bytes = Math.floor(bytes / 2)) {
      try {
        for (;;) writeFileSync(join(this.directory, FILLER), "x".repeat(bytes), { flag: "a" });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  }

  /** Gives that room back. */
  free(): void {
    rmSync(join(this.directory, FILLER), { force: true });
  }

  /** Names of what is on it. */
  names(): string[] {
    return readdirSync(this.directory);
  }

  close(): void {
    process.off("exit", this.#onExit);
    // Lazy: whoever still has a file open there loses it with that file.
    tryCommand(["umount", "--lazy", this.directory]);
    rmdirSync(this.directory);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Why there can be no small disk here, as one sentence, or false. Shaped for node:test's `skip`. */
export function smallDiskObstacle(): string | false {
  if (process.platform !== "linux") return "a full disk is made with tmpfs, which needs Linux";
  if (process.getuid?.() !== 0) return "a full disk is made with tmpfs, which needs root";
  try {
    new SmallDisk(64).close();
    return false;
  } catch (error) {
    return `no tmpfs can be mounted here: ${(error as Error).message}`;
  }
}
