/** The calls that this node knows: from the INVITE that is forwarded to the BYE that is answered. Pure. */
import { TimerEntry, type TimerWheel } from "../sip/timer/timer-wheel.ts";

/** A call longer than this is forgotten: its BYE went another way or was lost. Nothing is sent; were it alive, it would go on. */
export const CALL_MS_MAX = 12 * 3_600_000;

export interface Call {
  /** Call-ID and the caller's tag: what identifies the call from its first message on. */
  readonly key: string;
  /** Ingress peer group. */
  readonly group: string;
  state: "early" | "confirmed";
  /** Id of the target that has it now; "" before the first is tried. */
  target: string;
  readonly timer: TimerEntry;
}

export class CallTable {
  private readonly wheel: TimerWheel;
  private readonly calls = new Map<string, Call>();
  private readonly onTarget = new Map<string, number>();

  constructor(wheel: TimerWheel) {
    this.wheel = wheel;
  }

  get size(): number {
    return this.calls.size;
  }

  /** Calls on a target now, ringing ones among them. */
  callsOn(target: string): number {
    return this.onTarget.get(target) ?? 0;
  }

  find(key: string): Readonly<Call> | null {
    return this.calls.get(key) ?? null;
  }

  /** A call's first INVITE is about to be forwarded. A second INVITE with its key is the same call. */
  began(key: string, group: string): void {
    if (this.calls.has(key)) return;
    const timer = new TimerEntry(() => this.ended(key));
    this.calls.set(key, { key, group, state: "early", target: "", timer });
  }

  /** The call goes to this target, and no longer to the one before. */
  tried(key: string, target: string): void {
    const call = this.calls.get(key);
    if (call === undefined || call.state === "confirmed") return;
    this.count(call.target, -1);
    call.target = target;
    this.count(target, 1);
  }

  answered(key: string, now: number): void {
    const call = this.calls.get(key);
    if (call === undefined || call.state === "confirmed") return;
    call.state = "confirmed";
    this.wheel.schedule(call.timer, now + CALL_MS_MAX);
  }

  /** Refused or given up before an answer; a call that is up is not touched. */
  failed(key: string): void {
    if (this.calls.get(key)?.state === "early") this.ended(key);
  }

  /** Hung up. */
  ended(key: string): void {
    const call = this.calls.get(key);
    if (call === undefined) return;
    this.count(call.target, -1);
    this.wheel.cancel(call.timer);
    this.calls.delete(key);
  }

  private count(target: string, step: 1 | -1): void {
    if (target === "") return;
    const calls = this.callsOn(target) + step;
    if (calls === 0) this.onTarget.delete(target);
    else this.onTarget.set(target, calls);
  }
}
