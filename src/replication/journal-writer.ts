/**
 * Writes the journal of the active node: group commit. Changes are gathered for a few milliseconds and go out as one commit, one
 * commit at a time. The store says after which commit it stands; where that is not where this node left it (it came back
 * empty, or older than it was), all live records are sent again into an emptied store: the truth is this node's memory.
 */
import { BatchWriter } from "./batch.ts";
import type { Clock } from "./clock.ts";
import { CommitHistory } from "./commit-history.ts";
import { CommitQueue } from "./commit-queue.ts";
import { ConfirmWaiters } from "./confirm-waiters.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import type {
  CommitOutcome,
  CommitRequest,
  CommitStore,
  Position,
  Standing,
  StoreFault,
  StoreFaultCode,
  StoreWatcher,
} from "./store.ts";

/** Without changes a commit without records goes out this often: a standby knows silence from a broken path. */
export const CANARY_MS = 500;
/** A store that refuses is asked again after this time. */
export const REFUSED_RETRY_MS = 500;

export interface JournalHealth {
  /** away: the store does not answer. degraded: it does, but does not take, or does not have all yet. */
  readonly state: "ok" | "degraded" | "away";
  /** Null: all is well, or a resend is under way. */
  readonly code: StoreFaultCode | null;
  readonly reason: string;
  /** Monotonic milliseconds. */
  readonly since: number;
}

export interface WriterCounts {
  commits: number;
  records: number;
  bytes: number;
  faults: number;
  resends: number;
  unconfirmed: number;
}

export interface WriterPorts {
  readonly clock: Clock;
  readonly store: CommitStore;
  /** A newer epoch rules: this node must serve nothing any more. Nothing is written after it. */
  readonly fenced: (ruler: { epoch: number; node: string }) => void;
  readonly health: (health: JournalHealth) => void;
  /** Messages that were to wait for their commit (`redis.confirm`) have left without it. @param total since the start */
  readonly unconfirmed: (total: number) => void;
}

export class JournalWriter implements Journal, StoreWatcher {
  private readonly ports: WriterPorts;
  private readonly flushEveryMs: number;
  private queue = new CommitQueue();
  private readonly batch = new BatchWriter();
  private readonly waiters: ConfirmWaiters;
  private readonly history = new CommitHistory();
  private role: "quiet" | "serving" | "fenced" = "quiet";
  private epoch = 0;
  private position: Standing | null = null;
  private laterThan = 0;
  /** The epochs under which a commit after `position` was sent and not answered: one of them may have been applied. */
  private readonly unanswered = new Set<number>();
  private isUp = false;
  /** The store knows of the epoch: nothing is written in one that it has not granted. */
  private isGranted = true;
  private isResending = false;
  /** Records that the store has are still being adopted: how many there are is not known. */
  private isAdopting = false;
  private sending = false;
  private request: CommitRequest | null = null;
  private sentAt = Number.NEGATIVE_INFINITY;
  /** A store that refuses is left alone until then. */
  private notBefore = Number.NEGATIVE_INFINITY;
  private changedAt = Number.POSITIVE_INFINITY;
  private wakesAt = Number.POSITIVE_INFINITY;
  private cancelWake = (): void => {};
  private drained: ((done: boolean) => void) | null = null;
  private current: JournalHealth;
  /** Answers to commits of an earlier service are not ours any more. */
  private service = 0;
  readonly counts: WriterCounts = { commits: 0, records: 0, bytes: 0, faults: 0, resends: 0, unconfirmed: 0 };

  constructor(ports: WriterPorts, { flushEveryMs }: { flushEveryMs: number }) {
    this.ports = ports;
    this.flushEveryMs = flushEveryMs;
    this.waiters = new ConfirmWaiters(ports.clock, (count) => this.leftEarly(count));
    const reason = "not connected yet";
    this.current = { state: "away", code: "REDIS_AWAY", reason, since: ports.clock.now() };
  }

  /**
   * This node is the active from now on. What was marked or adopted before is forgotten: serve first, then adopt.
   * @param position the last commit that the restored records have; null: unknown, so that the store is emptied and filled anew
   * @param granted false: taken without the store, where another node may hold the lease: nothing is written before {@link raise}
   * @param adopts records are adopted from now on until {@link adopted}; default: none, or all before the next turn
   */
  serve({
    epoch,
    position,
    granted,
    adopts = false,
  }: {
    epoch: number;
    position: Standing | null;
    granted: boolean;
    adopts?: boolean;
  }): void {
    this.service++;
    this.isGranted = granted;
    this.role = "serving";
    this.epoch = epoch;
    this.position = position;
    this.laterThan = position?.generation ?? 0;
    this.unanswered.clear();
    this.sending = false;
    this.isResending = false;
    this.isAdopting = adopts;
    this.queue = new CommitQueue();
    this.changedAt = Number.POSITIVE_INFINITY;
    this.notBefore = Number.NEGATIVE_INFINITY;
    this.history.begin(position?.commit ?? 0);
    if (position === null) this.resend("what the store has is not known");
    if (!granted) this.say("degraded", null, "taken over without Redis, which has not granted the epoch yet");
    this.wakeBy(this.ports.clock.now());
  }

  /** The same service under an epoch that this node was granted: the lease was acquired anew, and has raised the fence. */
  raise(epoch: number): void {
    if (this.role === "quiet" || epoch < this.epoch) return;
    this.epoch = epoch;
    this.isGranted = true;
    this.role = "serving";
    this.wakeBy(this.ports.clock.now());
  }

  /** This node writes nothing any more, and forgets what waits: another one does, or the node ends. */
  retire(): void {
    this.service++;
    this.role = "quiet";
    this.sending = false;
    this.cancelWake();
    this.wakesAt = Number.POSITIVE_INFINITY;
    this.waiters.drop();
    this.finishDrain(false);
  }

  mark(entry: JournalEntry): void {
    this.queue.mark(entry);
    this.changed();
  }

  adopt(entry: JournalEntry): void {
    // Into a store that is filled anew everything has to be written.
    if (this.isResending) this.mark(entry);
    else this.queue.adopt(entry);
  }

  /** All that the store had is adopted. */
  adopted(): void {
    this.isAdopting = false;
    if (this.isResending) this.changed();
  }

  end(entry: JournalEntry): void {
    this.queue.end(entry);
    this.changed();
  }

  confirmed(then: () => void): void {
    if (this.role === "fenced") return;
    if (this.role === "quiet" || !this.isUp || this.current.state !== "ok") {
      if (this.role === "serving") this.leftEarly(1);
      then();
    } else if (this.queue.isEmpty && !this.sending) then();
    else this.waiters.add({ place: this.queue.tail, then });
  }

  /** Commits all that waits at once. @param done with false: the store did not take it, or the service ended */
  drain(done: (drained: boolean) => void): void {
    this.finishDrain(false);
    // A store that is filled anew has nothing like all before the last record is adopted.
    const isHalf = this.isResending && this.isAdopting;
    if (this.role !== "serving" || !this.isUp || !this.isGranted || isHalf) {
      done(false);
      return;
    }
    this.drained = done;
    this.wakeBy(this.ports.clock.now());
  }

  up(): void {
    this.isUp = true;
    this.notBefore = Number.NEGATIVE_INFINITY;
    this.wakeBy(this.ports.clock.now());
  }

  down(fault: StoreFault): void {
    this.isUp = false;
    this.say("away", fault.code, fault.message);
    this.waiters.release();
    this.finishDrain(false);
  }

  get health(): JournalHealth {
    return this.current;
  }

  /** Records that a switch now would not carry over, if the standby has applied every commit. */
  get uncommitted(): number {
    return this.queue.uncommitted;
  }

  get liveRecords(): number {
    return this.queue.liveCount;
  }

  get recordsTooLarge(): number {
    return this.queue.tooLarge;
  }

  /** The last acknowledged commit. */
  get committed(): Standing | null {
    return this.position;
  }

  /** How far a standby that has applied up to `applied` is behind; null: not to be told, as another generation is there. */
  lagOf(applied: Position): { commits: number; ms: number } | null {
    if (this.position === null || applied.generation !== this.position.generation) return null;
    const commits = this.position.commit - applied.commit;
    if (commits <= 0) return { commits: 0, ms: 0 };
    return { commits, ms: this.ports.clock.now() - this.history.sentAt(applied.commit + 1) };
  }

  private leftEarly(count: number): void {
    this.counts.unconfirmed += count;
    this.ports.unconfirmed(this.counts.unconfirmed);
  }

  /** What lives here is what the store has after this commit. */
  private get isWhole(): boolean {
    return this.queue.isEmpty && this.queue.tooLarge === 0 && !this.isAdopting;
  }

  private changed(): void {
    if (this.changedAt !== Number.POSITIVE_INFINITY) return;
    this.changedAt = this.ports.clock.now();
    if (!this.sending) this.wakeBy(Math.max(this.changedAt, this.sentAt + this.flushEveryMs));
  }

  private wakeBy(at: number): void {
    const due = Math.max(at, this.notBefore);
    if (this.role !== "serving" || !this.isGranted || due >= this.wakesAt) return;
    this.cancelWake();
    this.wakesAt = due;
    this.cancelWake = this.ports.clock.wakeAt(due, () => {
      this.wakesAt = Number.POSITIVE_INFINITY;
      this.flush();
    });
  }

  private flush(): void {
    if (this.role !== "serving" || this.sending || !this.isUp) return;
    const now = this.ports.clock.now();
    this.batch.clear();
    this.queue.take(this.batch, now);
    const { position, laterThan, epoch } = this;
    const request = {
      after: position,
      laterThan,
      epoch,
      complete: !this.isResending || (this.queue.isEmpty && !this.isAdopting),
      waitedMs: Math.max(0, Math.round(now - Math.min(now, this.changedAt))),
      records: this.isWhole ? this.queue.liveCount : null,
      oldest: position === null ? 1 : this.history.oldest,
      batch: this.batch.written(),
    };
    this.changedAt = this.queue.isEmpty ? Number.POSITIVE_INFINITY : now;
    this.sending = true;
    this.sentAt = now;
    this.request = request;
    const { service } = this;
    const { head } = this.queue;
    this.ports.store.commit(request, (outcome) => {
      if (service === this.service) this.answered(outcome, head);
    });
  }

  private answered(outcome: CommitOutcome, head: number): void {
    this.sending = false;
    switch (outcome.kind) {
      case "committed":
        this.onCommitted(outcome.position, head);
        break;
      case "fenced":
        this.queue.failed();
        // Its own acquisition of the lease has raised the fence, and was answered before this commit was.
        if (outcome.epoch <= this.epoch && (this.request?.epoch ?? 0) < this.epoch) {
          this.wakeBy(this.ports.clock.now());
          break;
        }
        this.role = "fenced";
        this.waiters.drop();
        this.say("degraded", null, `epoch ${outcome.epoch} of ${outcome.node} rules, ours is ${this.epoch}`);
        this.finishDrain(false);
        this.ports.fenced({ epoch: outcome.epoch, node: outcome.node });
        break;
      case "elsewhere":
      case "set-back":
        this.queue.failed();
        this.onElsewhere(outcome);
        this.wakeBy(this.ports.clock.now());
        break;
      case "fault":
        this.onFault(outcome);
        break;
    }
  }

  private onCommitted(position: Position, head: number): void {
    const complete = this.request?.complete ?? false;
    if (this.position?.generation !== position.generation) this.history.begin(0);
    this.history.add({ commit: position.commit, bytes: this.batch.size, at: this.sentAt });
    this.position = { ...position, epoch: this.request?.epoch ?? null };
    this.laterThan = position.generation;
    this.unanswered.clear();
    this.counts.commits++;
    this.counts.records += this.batch.count;
    this.counts.bytes += this.batch.size;
    this.queue.acknowledged();
    if (complete) this.isResending = false;
    if (this.isResending) this.say("degraded", null, "all live records are being sent again");
    else this.say("ok", null, "every change is committed");
    this.waiters.reached(head);
    if (this.queue.isEmpty) {
      this.finishDrain(true);
      this.wakeBy(this.sentAt + CANARY_MS);
    } else {
      const inHaste = this.isResending || this.drained !== null;
      this.wakeBy(inHaste ? this.ports.clock.now() : this.sentAt + this.flushEveryMs);
    }
  }

  private onElsewhere({ kind, position }: Extract<CommitOutcome, { kind: "elsewhere" | "set-back" }>): void {
    const mine = this.position;
    // The commit that was sent and not answered has been applied after all: what it held is sent again, which changes nothing.
    if (
      kind === "elsewhere" &&
      mine !== null &&
      position?.generation === mine.generation &&
      position.commit === mine.commit + 1 &&
      position.epoch !== null &&
      this.unanswered.has(position.epoch)
    ) {
      this.history.add({ commit: position.commit, bytes: this.batch.size, at: this.sentAt });
      this.position = position;
      this.unanswered.clear();
      return;
    }
    this.laterThan = Math.max(this.laterThan, position?.generation ?? 0);
    if (kind === "set-back") this.resend("the store was set back to an older state");
    else if (position === null) this.resend("the store came back empty");
    else this.resend("the store is not where this node left it");
  }

  private resend(reason: string): void {
    this.position = null;
    this.unanswered.clear();
    this.isResending = true;
    this.counts.resends++;
    this.queue.resendAll();
    this.waiters.release();
    if (this.isUp && this.isGranted)
      this.say("degraded", null, `${reason}: all live records are being sent again`);
  }

  private onFault(fault: StoreFault): void {
    this.counts.faults++;
    this.queue.failed();
    if (fault.uncertain && this.request !== null) this.unanswered.add(this.request.epoch);
    const away = fault.code === "REDIS_AWAY" || fault.code === "REDIS_TIMEOUT";
    this.say(away ? "away" : "degraded", fault.code, fault.message);
    this.waiters.release();
    this.finishDrain(false);
    this.notBefore = this.ports.clock.now() + REFUSED_RETRY_MS;
    this.wakeBy(this.notBefore);
  }

  private finishDrain(done: boolean): void {
    const { drained } = this;
    this.drained = null;
    drained?.(done);
  }

  private say(state: JournalHealth["state"], code: StoreFaultCode | null, reason: string): void {
    const { current } = this;
    if (current.state === state && current.code === code && current.reason === reason) return;
    const since = current.state === state ? current.since : this.ports.clock.now();
    this.current = { state, code, reason, since };
    this.ports.health(this.current);
  }
}
