// One TCP connection: its socket, framer and deadlines. What it is known by is the owner's business.
import type { Socket } from "node:net";
import type { Clock } from "../sip/timer/clock.ts";
import type { Counters } from "./counters.ts";
import { failureOf } from "./failure.ts";
import type { DropReason, Flow, SendFailure } from "./flow.ts";
import { CLOSE_GRACE_MS, STREAM_HEAD_BYTES_MAX, type TransportLimits } from "./limits.ts";
import { type Frames, StreamFramer } from "./stream-framer.ts";

/** What a connection tells. Called from the socket's events, and (overflow) from inside `send`. */
export interface ConnectionOwner {
  received(connection: TcpConnection, raw: string): void;
  dropped(connection: TcpConnection, reason: DropReason): void;
  /** Nothing new may be sent on it, save answers that name its id when `answers` is "may follow". */
  retired(connection: TcpConnection, failure: SendFailure | null, answers: "may follow" | "impossible"): void;
  /** The socket is gone. Comes once, after `retired`. */
  closed(connection: TcpConnection): void;
}

export interface ConnectionDependencies {
  readonly owner: ConnectionOwner;
  readonly limits: TransportLimits;
  readonly counters: Counters;
  readonly clock: Clock;
}

/** `refusing`: the stream is broken, the answer to its last head may still be written. `ending`: FIN sent or heard. */
type State = "dialling" | "open" | "refusing" | "ending" | "closed";

export class TcpConnection {
  readonly flow: Flow;
  private readonly socket: Socket;
  private readonly dependencies: ConnectionDependencies;
  private readonly framer: StreamFramer;
  private state: State;
  private lastActivity: number;
  private hasSent = false;
  /** The one deadline of the state: to connect, to be used, to be gone. */
  private cancelDeadline: () => void = () => {};
  /** For the message that is coming in; null while there is none. */
  private cancelMessageDeadline: (() => void) | null = null;

  constructor(flow: Flow, socket: Socket, dependencies: ConnectionDependencies) {
    this.flow = flow;
    this.socket = socket;
    this.dependencies = dependencies;
    const { limits, clock } = dependencies;
    this.framer = new StreamFramer({ headBytes: STREAM_HEAD_BYTES_MAX, messageBytes: limits.messageBytes });
    this.lastActivity = clock.now();
    this.state = socket.connecting ? "dialling" : "open";
    if (this.state === "dialling") {
      this.deadline(limits.connectTimeoutMs, () => this.destroy("timeout"));
    } else this.deadline(limits.tcpIdleMs, this.checkIdle);
    socket.on("connect", this.onConnect);
    socket.on("data", this.onData);
    socket.on("end", this.onEnd);
    socket.on("error", this.onError);
    socket.on("close", this.onClose);
  }

  /** Queues a message; also while the connection is being opened. Too much in the queue ends it ("overflow"). */
  send(message: string): void {
    if (this.state === "closed" || this.state === "ending") return;
    const { limits, counters } = this.dependencies;
    counters["tcp.sent"]++;
    this.hasSent = true;
    this.write(message);
    if (this.state === "refusing") this.end();
    if (this.socket.writableLength <= limits.sendQueueBytes) return;
    counters["tcp.overflows"]++;
    this.destroy("overflow");
  }

  /** Lets the queue out, says FIN, and is gone after {@link CLOSE_GRACE_MS} at the latest. */
  end(): void {
    if (this.state === "closed" || this.state === "ending") return;
    this.retire("ending", null, "impossible");
    this.socket.end();
  }

  /** Resets the connection: what is queued either way is lost, and nothing is told. */
  abort(): void {
    this.state = "closed";
    this.cancelDeadlines();
    if (this.socket.connecting)
      this.socket.destroy(); // a reset would wait for the connection
    else this.socket.resetAndDestroy();
  }

  private reset(): void {
    if (this.socket.connecting)
      this.socket.destroy(); // a reset would wait for the connection
    else this.socket.resetAndDestroy();
  }

  private write(text: string): void {
    this.lastActivity = this.dependencies.clock.now();
    this.socket.write(text, "latin1");
  }

  private readonly onConnect = (): void => {
    if (this.state !== "dialling") return;
    this.state = "open";
    this.deadline(this.dependencies.limits.tcpIdleMs, this.checkIdle);
  };

  private readonly onData = (chunk: Buffer): void => {
    if (this.state !== "open") return; // read all the same: unread bytes would turn our FIN into a reset
    const { counters, owner, clock } = this.dependencies;
    this.lastActivity = clock.now();
    const frames = this.framer.push(chunk);
    counters["tcp.pings"] += frames.pings;
    if (frames.pings > 0) this.write("\r\n".repeat(frames.pings)); // RFC 5626 section 4.4.1
    this.watchMessage(frames.messages.length > 0);
    for (const raw of frames.messages) {
      if (this.state !== "open") return;
      counters["tcp.received"]++;
      owner.received(this, raw);
    }
    if (frames.fault !== null && this.state === "open") this.refuse(frames.fault, frames);
  };

  /** A message has `messageTimeoutMs` from its first byte on; each new one anew. */
  private watchMessage(someCompleted: boolean): void {
    const incomplete = this.framer.incompleteBytes > 0;
    if (this.cancelMessageDeadline !== null && (someCompleted || !incomplete)) {
      this.cancelMessageDeadline();
      this.cancelMessageDeadline = null;
    }
    if (!incomplete || this.cancelMessageDeadline !== null) return;
    const { clock, limits } = this.dependencies;
    this.cancelMessageDeadline = clock.wakeAt(clock.now() + limits.messageTimeoutMs, () =>
      this.refuse("stream-slow-sender", null),
    );
  }

  /** The far end broke the protocol: what it owes us on this connection will not come. */
  private refuse(reason: DropReason, frames: Frames | null): void {
    const { owner } = this.dependencies;
    const failure = this.hasSent ? "closed" : null;
    const head = frames?.refusedHead ?? "";
    if (head === "") {
      this.retire("ending", failure, "impossible");
      this.socket.end();
    } else {
      this.retire("refusing", failure, "may follow");
      owner.received(this, head);
    }
    owner.dropped(this, reason);
  }

  private readonly checkIdle = (): void => {
    const { clock, limits, counters } = this.dependencies;
    const left = this.lastActivity + limits.tcpIdleMs - clock.now();
    if (left > 0) this.deadline(left, this.checkIdle);
    else {
      counters["tcp.idleClosed"]++;
      this.end();
    }
  };

  private readonly onEnd = (): void => {
    if (this.state !== "open") return;
    this.lost();
    this.retire("ending", this.hasSent ? "closed" : null, "impossible"); // Node ends our side too, after the queue
  };

  private readonly onError = (error: Error): void => {
    if (this.state === "dialling") this.destroy(failureOf(error));
    else if (this.state === "open") {
      this.lost();
      this.destroy(this.hasSent ? "closed" : null);
    }
  };

  private readonly onClose = (): void => {
    if (this.state === "open") this.lost();
    this.destroy(this.hasSent ? "closed" : null);
    this.dependencies.owner.closed(this);
  };

  private lost(): void {
    this.dependencies.counters["tcp.lost"]++;
    if (this.framer.incompleteBytes > 0) this.dependencies.owner.dropped(this, "stream-cut-off");
  }

  /** Closes without waiting for the queue. */
  private destroy(failure: SendFailure | null): void {
    const before = this.state;
    if (before === "closed") return;
    this.state = "closed";
    this.cancelDeadlines();
    if (failure === "overflow")
      this.reset(); // else the kernel would keep its full buffer for a far end that does not read
    else this.socket.destroy();
    if (before === "dialling") this.dependencies.counters["tcp.dialFailures"]++;
    if (before === "ending") return;
    // While refusing the failure was told already.
    this.dependencies.owner.retired(this, before === "refusing" ? null : failure, "impossible");
  }

  private retire(
    state: "refusing" | "ending",
    failure: SendFailure | null,
    answers: "may follow" | "impossible",
  ): void {
    this.state = state;
    this.cancelDeadlines();
    this.deadline(CLOSE_GRACE_MS, () => this.destroy(null));
    this.dependencies.owner.retired(this, failure, answers);
  }

  private deadline(afterMs: number, wake: () => void): void {
    this.cancelDeadline();
    const { clock } = this.dependencies;
    this.cancelDeadline = clock.wakeAt(clock.now() + afterMs, wake);
  }

  private cancelDeadlines(): void {
    this.cancelDeadline();
    this.cancelMessageDeadline?.();
    this.cancelMessageDeadline = null;
  }
}
