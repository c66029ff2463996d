/** Runs the machine of one node: feeds it events, does its effects through the ports, wakes it at its deadline. */
import { deadline, type NodeStart, newNode, step } from "./node-machine.ts";
import type { NodeEffect, NodeEvent, NodeState } from "./node-state.ts";
import type { ClusterClock, ClusterPorts } from "./ports.ts";
import { mayServe } from "./serving.ts";

export class ClusterNode {
  private current: NodeState;
  private readonly ports: ClusterPorts;
  private readonly clock: ClusterClock;
  private cancelWake: () => void = () => {};
  /** When the timer that runs wakes it; Infinity: there is none. */
  private wakesAt = Number.POSITIVE_INFINITY;
  private stopped = false;

  constructor(start: NodeStart, ports: ClusterPorts, clock: ClusterClock) {
    this.ports = ports;
    this.clock = clock;
    this.current = newNode(start, clock.now());
  }

  get state(): NodeState {
    return this.current;
  }

  /** Asked before each message that is read or sent, each timer that fires and each record that is written. */
  mayServe(): boolean {
    return !this.stopped && mayServe(this.current, this.clock.now());
  }

  start(): void {
    this.feed({ kind: "tick" });
  }

  /** Nothing is done any more, whatever still comes. */
  stop(): void {
    this.stopped = true;
    this.cancelWake();
  }

  feed(event: NodeEvent): void {
    if (this.stopped) return;
    const now = this.clock.now();
    const [state, effects] = step(this.current, event, now);
    this.current = state; // before the effects, which may come back here
    for (const effect of effects) this.perform(effect);
    if (!this.stopped) this.arm(now); // an effect's own turn may have moved it: always by the newest state
  }

  /** A timer that wakes too early only sets itself anew: most deadlines move away before they come. */
  private arm(now: number): void {
    const at = deadline(this.current, now);
    if (at >= this.wakesAt) return;
    this.cancelWake();
    this.wakesAt = at;
    this.cancelWake = this.clock.wakeAt(at, () => this.wake());
  }

  private wake(): void {
    this.wakesAt = Number.POSITIVE_INFINITY;
    if (this.stopped) return;
    const now = this.clock.now();
    if (deadline(this.current, now) > now) this.arm(now);
    else this.feed({ kind: "tick" });
  }

  private perform(effect: NodeEffect): void {
    const { ports } = this;
    switch (effect.kind) {
      case "send":
        ports.send(effect.message, effect.copies);
        break;
      case "lease": {
        const { operation } = effect;
        const sentAt = this.clock.now();
        ports.lease(operation, (reply) => this.feed({ kind: "lease", operation, sentAt, reply }));
        break;
      }
      case "probe": {
        const askedAt = this.clock.now();
        ports.probe((outcome) => this.feed({ kind: "probed", outcome, askedAt }));
        break;
      }
      case "fence-peer":
        ports.fencePeer(effect.node, (ok) => this.feed({ kind: "fenced-peer", ok }));
        break;
      case "check-conflict":
        ports.checkConflict((found) => this.feed({ kind: "conflict", found }));
        break;
      case "hook":
        ports.hook(effect.role);
        break;
      case "record":
        ports.record(effect.record);
        break;
      case "answer":
        ports.answer(effect.ok, effect.reason);
        break;
      default:
        this.performOwn(effect);
    }
  }

  private performOwn(
    effect: Exclude<
      NodeEffect,
      { kind: "send" | "lease" | "probe" | "fence-peer" | "check-conflict" | "hook" | "record" | "answer" }
    >,
  ): void {
    const { ports } = this;
    switch (effect.kind) {
      case "store-epoch":
        ports.storeEpoch(effect.epoch, (ok) => this.feed({ kind: "step-done", step: "epoch", ok }));
        break;
      case "add-address":
        ports.addAddress((present) => this.feed({ kind: "address", present, failed: !present }));
        break;
      case "remove-address":
        ports.removeAddress((present) => this.feed({ kind: "address", present, failed: present }));
        break;
      case "open-sockets":
        ports.openSockets((ok) => this.feed({ kind: "step-done", step: "sockets", ok }));
        break;
      case "apply-journal":
        ports.applyJournal((ok) => this.feed({ kind: "step-done", step: "journal", ok }));
        break;
      case "stop-and-flush":
        ports.stopAndFlush((ok, lastEntry) => this.feed({ kind: "flushed", ok, lastEntry }));
        break;
      case "verify":
        ports.verify((ok) => this.feed({ kind: "verified", ok }));
        break;
      case "arm-calls":
        ports.armCalls(effect.epoch);
        break;
      case "journal-again":
        ports.journalAgain(effect.epoch);
        break;
      case "relay":
        ports.relay(effect.to, effect.forMs);
        break;
      case "close-sockets":
        ports.closeSockets();
        break;
      case "resume-calls":
        ports.resumeCalls();
        break;
      case "follow-journal":
        ports.followJournal();
        break;
      case "announce":
        ports.announce();
        break;
      case "reset-connections":
        ports.resetConnections();
        break;
    }
  }
}
