/** The parts of a node that follow its configuration while it runs. */
import type { Config } from "../config/config.ts";
import { Identity } from "../proxy/identity.ts";
import type { TargetKnowledge } from "../routing/group-targets.ts";
import { Router } from "../routing/router.ts";
import { mix32 } from "../sip/signing/mix.ts";
import { type TimerSettings, timersFrom } from "../sip/transaction/timer-settings.ts";
import type { ListenerAddress } from "../transport/flow.ts";

/** Built from one configuration, put into use together. */
export interface RunningParts {
  readonly router: Router;
  readonly identity: Identity;
  /** The first signs, all verify. */
  readonly secrets: readonly string[];
  readonly timers: TimerSettings;
  readonly timerCMs: number;
  readonly setupTimeoutMs: number;
}

/** What the parts need and what no reload replaces. */
export interface PartsSource {
  readonly listeners: readonly ListenerAddress[];
  readonly knowledge: TargetKnowledge;
  /** Of a configuration that names none: drawn once, at the start. */
  readonly ownSecret: string;
}

/** Builds the parts; nothing is in use yet. */
export function partsOf(config: Config, { listeners, knowledge, ownSecret }: PartsSource): RunningParts {
  const secrets = config.identity.secret.length > 0 ? config.identity.secret : [ownSecret];
  return {
    router: new Router(config, { ...knowledge, draw: drawFor(secrets) }),
    identity: new Identity(listeners, config.identity.aliases),
    secrets,
    timers: timersFrom(config.timers),
    timerCMs: config.timers.cMs,
    setupTimeoutMs: config.calls.setupTimeoutMs,
  };
}

/** Uniform numbers that are the same for the same call on every node with the same secret. */
function drawFor(secrets: readonly string[]): (callKey: string) => () => number {
  const seed = mix32(secrets[0] ?? "", 0x2782);
  return (callKey) => {
    let draws = seed;
    return () => mix32(callKey, draws++) / 2 ** 32;
  };
}
