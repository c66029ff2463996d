/** Runs one machine of RFC 3261 §17 on a virtual clock, and writes down what it does and when. */
import {
  inviteClientDeadline,
  startInviteClient,
  stepInviteClient,
} from "../../../../src/sip/transaction/invite-client.ts";
import {
  inviteServerDeadline,
  startInviteServer,
  stepInviteServer,
} from "../../../../src/sip/transaction/invite-server.ts";
import {
  nonInviteClientDeadline,
  startNonInviteClient,
  stepNonInviteClient,
} from "../../../../src/sip/transaction/non-invite-client.ts";
import {
  nonInviteServerDeadline,
  startNonInviteServer,
  stepNonInviteServer,
} from "../../../../src/sip/transaction/non-invite-server.ts";
import { DEFAULT_TIMERS, type TimerSettings } from "../../../../src/sip/transaction/timer-settings.ts";
import {
  type ClientEvent,
  type ServerEvent,
  type Step,
  TICK,
  TRANSPORT_ERROR,
} from "../../../../src/sip/transaction/transaction.ts";

interface StepContext {
  reliable: boolean;
  now: number;
  timers: TimerSettings;
}

/** One of the four machines. */
export interface Machine<State extends { readonly kind: string }, Event> {
  readonly start: (reliable: boolean, now: number, timers: TimerSettings) => State;
  readonly step: (state: State, event: Event, context: StepContext) => Step<State, string>;
  readonly deadline: (state: State) => number;
  /** A number in a row is a status: received by a client, handed down to a server. */
  readonly ofStatus: (status: number) => Event;
  readonly tick: Event;
}

const received = (status: number): ClientEvent => ({ kind: "response", status });
const handedDown = (status: number): ServerEvent => ({ kind: "respond", status });

export const INVITE_CLIENT = {
  start: startInviteClient,
  step: stepInviteClient,
  deadline: inviteClientDeadline,
  ofStatus: received,
  tick: TICK as ClientEvent,
};
export const NON_INVITE_CLIENT = {
  start: startNonInviteClient,
  step: stepNonInviteClient,
  deadline: nonInviteClientDeadline,
  ofStatus: received,
  tick: TICK as ClientEvent,
};
export const INVITE_SERVER = {
  start: startInviteServer,
  step: stepInviteServer,
  deadline: inviteServerDeadline,
  ofStatus: handedDown,
  tick: TICK as ServerEvent,
};
export const NON_INVITE_SERVER = {
  start: startNonInviteServer,
  step: stepNonInviteServer,
  deadline: nonInviteServerDeadline,
  ofStatus: handedDown,
  tick: TICK as ServerEvent,
};

export const ERROR = TRANSPORT_ERROR;

/** A requirement: what happens, and what the machine is to do and when. */
export interface Row<Event> {
  /** Begins with its clause. */
  readonly name: string;
  readonly reliable?: boolean;
  /** [milliseconds after the start, event or status] in the order of time. */
  readonly events: readonly (readonly [number, Event | number])[];
  /** "time effect", in order; a change of state is "time > state". */
  readonly does: readonly string[];
  readonly timers?: TimerSettings;
}

const ORIGIN = 10_000;
/** Ticks that one row may need: a machine that never moves its deadline must not hang the tests. */
const TICKS_MAX = 1_000;

/** @returns the lines that {@link Row.does} names, times counted from the start */
export function run<State extends { readonly kind: string }, Event>(
  machine: Machine<State, Event>,
  row: Pick<Row<Event>, "events" | "reliable" | "timers">,
): string[] {
  const { reliable = false, timers = DEFAULT_TIMERS } = row;
  const lines: string[] = [];
  let state = machine.start(reliable, ORIGIN, timers);
  let ticks = 0;
  const feed = (event: Event, now: number): void => {
    const [next, effects] = machine.step(state, event, { reliable, now, timers });
    for (const effect of effects) lines.push(`${now - ORIGIN} ${effect}`);
    if (next.kind !== state.kind) lines.push(`${now - ORIGIN} > ${next.kind}`);
    state = next;
  };
  const tickUntil = (end: number): void => {
    for (let at = machine.deadline(state); at < end; at = machine.deadline(state)) {
      if (++ticks > TICKS_MAX) throw new Error("the machine asks for ticks without end");
      feed(machine.tick, at);
    }
  };
  for (const [at, event] of row.events) {
    tickUntil(ORIGIN + at);
    feed(typeof event === "number" ? machine.ofStatus(event) : event, ORIGIN + at);
  }
  tickUntil(Number.POSITIVE_INFINITY);
  return lines;
}
