/** `role.hook`: run at every change of role, one after the other, so that what it sets up is that of the last one. */
import type { Role } from "../../cluster/message.ts";
import { type CommandEnd, runBounded } from "./bounded-command.ts";

/** Changes that wait for a hook that hangs; more than a takeover and its end make in that time. */
const WAITING_MAX = 16;

export class RoleHook {
  readonly #command: readonly string[];
  readonly #node: string;
  readonly #ended: (role: Role, end: CommandEnd) => void;
  readonly #waiting: Role[] = [];
  #isRunning = false;

  /** @param command empty: there is none */
  constructor(command: readonly string[], node: string, ended: (role: Role, end: CommandEnd) => void) {
    this.#command = command;
    this.#node = node;
    this.#ended = ended;
  }

  /** Never throws, never waits. Of more than {@link WAITING_MAX} changes the oldest is left out, and told as failed. */
  run(role: Role): void {
    if (this.#command.length === 0) return;
    this.#waiting.push(role);
    const dropped = this.#waiting.length > WAITING_MAX ? this.#waiting.shift() : undefined;
    if (dropped !== undefined) this.#ended(dropped, { ok: false, reason: "too many changes were waiting" });
    if (!this.#isRunning) void this.#next();
  }

  /** The process ends: what waits is started at once, and outlives it. */
  flush(): void {
    for (const role of this.#waiting.splice(0)) void this.#start(role);
  }

  async #next(): Promise<void> {
    this.#isRunning = true;
    for (let role = this.#waiting.shift(); role !== undefined; role = this.#waiting.shift())
      await this.#start(role);
    this.#isRunning = false;
  }

  async #start(role: Role): Promise<void> {
    const env = { TANDEM_NODE: this.#node, TANDEM_ROLE: role };
    this.#ended(role, await runBounded([...this.#command, role], env));
  }
}
