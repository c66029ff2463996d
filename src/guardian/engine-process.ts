/** The engine as a child process: started, heard, signalled, and waited for with all that it had started. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { GUARDIAN_VARIABLE } from "./engine-link.ts";
import { type EngineMessage, readEngineMessage } from "./engine-message.ts";
import type { StopSignal } from "./guardian-step.ts";
import { killGroup, untilGroupGone } from "./process-group.ts";
import { withoutServiceVariables } from "./service-notice.ts";

/** What a dead engine has said last is read within a turn of the loop; a channel that does not end then is not waited for. */
const LAST_WORDS_MS = 100;

export interface EngineEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface EngineOptions {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onMessage: (message: EngineMessage) => void;
  /** After all that it had said was heard. */
  readonly onEnd: (end: EngineEnd) => void;
}

export class EngineProcess {
  readonly #child: ChildProcess;

  constructor({ command, env, onMessage, onEnd }: EngineOptions) {
    const [program = "", ...args] = command;
    // A group of its own: it is killed with its helpers, and a terminal's Ctrl-C reaches it by its guardian alone, once.
    this.#child = spawn(program, args, {
      env: { ...withoutServiceVariables(env), [GUARDIAN_VARIABLE]: "1" },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      detached: true,
    });
    this.#child.on("message", (value: unknown) => {
      const message = readEngineMessage(value);
      if (message !== null) onMessage(message);
    });
    const disconnected = new Promise<void>((resolve) => this.#child.once("disconnect", resolve));
    const end = (how: EngineEnd): void => {
      const limit = delay(LAST_WORDS_MS, undefined, { ref: false });
      void Promise.race([disconnected, limit]).then(() => onEnd(how));
    };
    this.#child.once("error", () => {
      if (this.#child.pid === undefined) end({ code: 127, signal: null }); // it could not be started
    });
    this.#child.once("exit", (code, signal) => end({ code, signal }));
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  forward(signal: StopSignal | "SIGHUP"): void {
    this.#child.kill(signal);
  }

  /** Everything in its group, frozen or not, also when it has ended itself. */
  kill(): void {
    if (this.#child.pid !== undefined) killGroup(this.#child.pid);
  }

  /** @returns whether nothing that it had started can run any more */
  async groupGone(): Promise<boolean> {
    return this.#child.pid === undefined || (await untilGroupGone(this.#child.pid));
  }
}
