/**
 * What the guardian does: it keeps one engine running, and where an engine ends while it holds the address, the address goes and
 * the cluster is told. Pure; times are monotonic milliseconds.
 */

export interface GuardianLimits {
  /** The engine's loop may be silent for so long. Longer than any collection of garbage, shorter than the cluster's patience. */
  readonly silentMs: number;
  /** One that does not hold the address has so long: nobody waits for it, and to start it again would take as much as it lacks. */
  readonly idleSilentMs: number;
  /** An engine has so long from its start to its first beat. */
  readonly startMs: number;
  /** An engine that was told to stop has so long. */
  readonly stopMs: number;
}

/** An engine that ended by itself is started again after this; the wait doubles with each that ended soon. */
const FIRST_RESTART_MS = 200;

const LAST_RESTART_MS = 10_000;

/** An engine that ran for so long has not ended soon. */
const STABLE_MS = 60_000;

/** Silence is counted in turns of the guardian's own loop, of which one counts this much at most: see {@link onTick}. */
export const TURN_MS_MAX = 150;

export type StopSignal = "SIGTERM" | "SIGINT";

/** What it is to do after the engine is gone. */
type Phase =
  /** Started, no beat yet. */
  | { readonly kind: "starting"; readonly since: number }
  | {
      readonly kind: "running";
      readonly since: number;
      readonly heardAt: number;
      readonly silentMs: number;
    }
  /** Killed, and not yet waited for. */
  | { readonly kind: "killed"; readonly since: number }
  /** Gone; its address is being removed. */
  | { readonly kind: "clearing"; readonly restartAt: number; readonly code: number }
  | { readonly kind: "waiting"; readonly restartAt: number }
  | { readonly kind: "ended" };

export interface GuardianState {
  readonly phase: Phase;
  readonly tickAt: number;
  /** By its last word the engine has the address, or is about to add it. */
  readonly holds: boolean;
  /** An engine has been ready since the guardian began. */
  readonly everReady: boolean;
  /** Engines that ended soon, in a row. */
  readonly failures: number;
  /** When the engine that was told to stop is killed; Infinity: nobody has told it. */
  readonly stopBy: number;
}

export type GuardianEvent =
  | { readonly kind: "beat"; readonly holds: boolean; readonly ready: boolean }
  /** Each 50 ms while the engine is silent, after what it sent has been read. */
  | { readonly kind: "tick" }
  | { readonly kind: "exited"; readonly code: number | null; readonly signal: string | null }
  | { readonly kind: "cleared"; readonly confirmed: boolean; readonly reason: string }
  | { readonly kind: "stop"; readonly signal: StopSignal };

export type GuardianEffect =
  | { readonly kind: "start" }
  /** The engine and all that it has started. */
  | { readonly kind: "kill" }
  | { readonly kind: "forward"; readonly signal: StopSignal }
  /** Removes the address, and reads back. */
  | { readonly kind: "clear" }
  | { readonly kind: "resign"; readonly confirmed: boolean }
  | { readonly kind: "ready" }
  | { readonly kind: "stopping" }
  | { readonly kind: "end"; readonly code: number }
  | { readonly kind: "say"; readonly level: "info" | "warn" | "error"; readonly reason: string };

type Step = [GuardianState, GuardianEffect[]];

function say(level: "info" | "warn" | "error", reason: string): GuardianEffect {
  return { kind: "say", level, reason };
}

export function guardFrom(now: number): Step {
  const state: GuardianState = {
    phase: { kind: "starting", since: now },
    tickAt: now,
    holds: false,
    everReady: false,
    failures: 0,
    stopBy: Number.POSITIVE_INFINITY,
  };
  return [state, [{ kind: "start" }]];
}

export function guardStep(
  state: GuardianState,
  event: GuardianEvent,
  options: { now: number; limits: GuardianLimits },
): Step {
  const { now, limits } = options;
  switch (event.kind) {
    case "beat":
      return onBeat(state, event, now);
    case "tick":
      return onTick(state, now, limits);
    case "exited":
      return onExit(state, event, now);
    case "cleared":
      return onCleared(state, event, now);
    case "stop":
      return onStop(state, event.signal, now + limits.stopMs);
  }
}

function onBeat(state: GuardianState, beat: { holds: boolean; ready: boolean }, now: number): Step {
  const { phase } = state;
  // A beat of an engine that was killed may still have been in the pipe: it says what it held.
  if (phase.kind === "killed") return [{ ...state, holds: state.holds || beat.holds }, []];
  if (phase.kind !== "starting" && phase.kind !== "running") return [state, []];
  const since = phase.kind === "running" ? phase.since : now;
  const first = beat.ready && !state.everReady;
  const next: GuardianState = {
    ...state,
    phase: { kind: "running", since, heardAt: now, silentMs: 0 },
    holds: beat.holds,
    everReady: state.everReady || beat.ready,
  };
  return [next, first ? [{ kind: "ready" }] : []];
}

/**
 * Silence is what the guardian itself saw while it ran: when the whole machine was held up, as by a hypervisor, both were silent,
 * and the time that one turn took counts as one turn.
 */
function onTick(before: GuardianState, now: number, limits: GuardianLimits): Step {
  const { phase } = before;
  const state = { ...before, tickAt: now };
  if ((phase.kind === "starting" || phase.kind === "running") && now >= state.stopBy)
    return kill(state, now, `the engine did not stop within ${limits.stopMs} ms`);
  if (phase.kind === "starting" && now - phase.since >= limits.startMs)
    return kill(state, now, `the engine has not begun to run within ${limits.startMs} ms`);
  if (phase.kind === "running") {
    const turnMs = now - Math.max(before.tickAt, phase.heardAt);
    const silentMs = phase.silentMs + Math.min(turnMs, TURN_MS_MAX);
    if (silentMs >= (state.holds ? limits.silentMs : limits.idleSilentMs))
      return kill(state, now, `the engine's loop has been silent for ${Math.round(silentMs)} ms`);
    return [{ ...state, phase: { ...phase, silentMs } }, []];
  }
  if (phase.kind === "waiting" && now >= phase.restartAt)
    return [{ ...state, phase: { kind: "starting", since: now } }, [{ kind: "start" }]];
  return [state, []];
}

function kill(state: GuardianState, now: number, reason: string): Step {
  const next: GuardianState = { ...state, phase: { kind: "killed", since: now } };
  return [next, [say("error", `${reason}: it is killed`), { kind: "kill" }]];
}

function onExit(
  state: GuardianState,
  exit: { code: number | null; signal: string | null },
  now: number,
): Step {
  const { phase } = state;
  if (phase.kind !== "starting" && phase.kind !== "running" && phase.kind !== "killed") return [state, []];
  const how = exit.signal === null ? `with code ${exit.code ?? "none"}` : `by ${exit.signal}`;
  // All that it had started goes first: an `ip` that has a renewal in its pipe must not execute it after our delete.
  const effects: GuardianEffect[] = [{ kind: "kill" }];
  const stopping = state.stopBy < Number.POSITIVE_INFINITY;
  // An engine that has not yet come to listen for it ends by the signal itself: that is a stop as well.
  const obeyed = stopping && (exit.signal === "SIGTERM" || exit.signal === "SIGINT");
  const code = exit.code ?? (obeyed ? 0 : 1);
  // An engine that has served ends by itself, and begins anew as a standby.
  const planned = !stopping && exit.code === 0;
  if (planned) effects.push(say("info", "the engine has ended in order, and is started as a standby"));
  else if (!stopping) effects.push(say("error", `the engine has ended ${how}`));
  const stable = phase.kind === "running" && now - phase.since >= STABLE_MS;
  const failures = planned ? 0 : stable ? 1 : state.failures + 1;
  const wait = planned ? 0 : Math.min(FIRST_RESTART_MS * 2 ** (failures - 1), LAST_RESTART_MS);
  const after = { ...state, failures };
  if (state.holds) {
    effects.push({ kind: "clear" });
    return [{ ...after, phase: { kind: "clearing", restartAt: now + wait, code } }, effects];
  }
  // What never ran will not run at the next try either: whoever started us is told.
  if (stopping || !state.everReady)
    return [{ ...after, phase: { kind: "ended" } }, [...effects, { kind: "end", code }]];
  return [{ ...after, phase: { kind: "waiting", restartAt: now + wait } }, effects];
}

function onCleared(state: GuardianState, cleared: { confirmed: boolean; reason: string }, now: number): Step {
  const { phase } = state;
  if (phase.kind !== "clearing") return [state, []];
  const { confirmed, reason } = cleared;
  const words = confirmed
    ? `the address is gone: ${reason}`
    : `the address may still be here: ${reason}; the cluster waits for its lifetime`;
  const effects: GuardianEffect[] = [{ kind: "resign", confirmed }, say(confirmed ? "info" : "error", words)];
  const next: GuardianState = { ...state, holds: false };
  if (state.stopBy < Number.POSITIVE_INFINITY || !state.everReady)
    return [{ ...next, phase: { kind: "ended" } }, [...effects, { kind: "end", code: phase.code }]];
  return [{ ...next, phase: { kind: "waiting", restartAt: Math.max(now, phase.restartAt) } }, effects];
}

function onStop(state: GuardianState, signal: StopSignal, stopBy: number): Step {
  const { phase } = state;
  if (phase.kind === "ended") return [state, []];
  const first: GuardianEffect[] = state.stopBy === Number.POSITIVE_INFINITY ? [{ kind: "stopping" }] : [];
  // A second signal is forwarded too, and ends the engine at once; the time that it has stays that of the first.
  const next = { ...state, stopBy: Math.min(state.stopBy, stopBy) };
  if (phase.kind === "waiting")
    return [{ ...next, phase: { kind: "ended" } }, [...first, { kind: "end", code: 0 }]];
  if (phase.kind === "starting" || phase.kind === "running")
    return [next, [...first, { kind: "forward", signal }]];
  return [next, first];
}
