// What is measured: the words for a proxy between the caller and the callee, and for what runs beside it.
import type { Program, ProgramOptions } from "../../lab/program.ts";

export type SubjectName =
  | "tandem"
  | "tandem-redis"
  | "other"
  | "kamailio"
  | "kamailio-fm"
  | "kamailio-dmq"
  | "forwarder";

export const SUBJECT_TITLES: Readonly<Record<SubjectName, string>> = {
  tandem: "Tandem",
  "tandem-redis": "Tandem, replicated by Redis",
  other: "Tandem, other checkout",
  "kamailio-fm": "Kamailio, fm",
  kamailio: "Kamailio, default",
  "kamailio-dmq": "Kamailio, fm, replicated by DMQ",
  forwarder: "Bare forwarder, Node dgram",
};

/** Addresses of one subject and its load, all of 127.0.0.0/8: several may run side by side. */
export interface Addresses {
  proxy: string;
  caller: string;
  callee: string;
  /** Of what stands beside the proxy: its standby, and Redis. */
  standby: string;
  redis: string;
}

export const SIP_PORT = 5060;

/** @param number 0..250 */
export function addressesOf(number: number): Addresses {
  const at = (last: number): string => `127.0.${number}.${last}`;
  return { proxy: at(1), caller: at(2), callee: at(3), standby: at(4), redis: at(5) };
}

type Start = (label: string, argv: readonly string[], options?: ProgramOptions) => Program;

export interface SubjectPlan {
  name: SubjectName;
  addresses: Addresses;
  directory: string;
  /** Starts the proxy where it is to run. */
  start: Start;
  /** Starts what stands beside it, where it does not take the proxy's time. */
  startBeside: Start;
  /** Tandem: profile while a window is open. */
  profile?: boolean;
  /** The checkout that `other` is of. */
  otherCheckout?: string;
}

/** What Tandem's own process says about a window of time (see node-hook.ts). */
export interface LoopWindow {
  maxMs: number;
  p99Ms: number;
}

/** A program beside the proxy that its replication needs. */
export interface Beside {
  title: "standby" | "Redis";
  program: Program;
}

export interface Subject {
  readonly name: SubjectName;
  readonly addresses: Addresses;
  readonly program: Program;
  readonly beside: readonly Beside[];
  /** Opens and closes a window of time that the process watches itself in; only a Tandem that runs alone does. */
  openWindow(): void;
  closeWindow(): Promise<LoopWindow | null>;
  /** Milliseconds that the standby is behind, by its own word; null where it says nothing of it. */
  readonly lagMs: (() => Promise<number>) | null;
  /** The profile of the window that was closed last. */
  readonly profileFile: string;
}

/** What a subject does that does not watch itself. */
export const WATCHES_NOTHING = {
  profileFile: "",
  lagMs: null,
  openWindow: (): void => {},
  closeWindow: async (): Promise<null> => null,
};

/** @throws Error when the proxy, or what stands beside it, is no longer there: figures of a dead one look fine */
export function assertAlive({ name, program, beside }: Subject): void {
  const dead = [program, ...beside.map((each) => each.program)].find((each) => !each.running);
  if (dead === undefined) return;
  throw new Error(`${SUBJECT_TITLES[name]} (${dead.label}) ended by itself:\n${dead.output().slice(-4_000)}`);
}
