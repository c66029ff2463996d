/** The deadline of a context. */
import type { Timed } from "../sip/timer/timer-wheel.ts";
import { tickContext } from "./context-timers.ts";
import type { Core } from "./core.ts";
import type { ResponseContext } from "./response-context.ts";

/** An object and no closure, as there are a hundred thousand. */
export class ContextTimer implements Timed {
  tick = -1;
  next: Timed | null = null;
  previous: Timed | null = null;
  context: ResponseContext | null = null;
  private readonly core: Core;

  constructor(core: Core) {
    this.core = core;
  }

  wake(now: number): void {
    this.core.now = now;
    if (this.context !== null) tickContext(this.core, this.context);
  }
}
