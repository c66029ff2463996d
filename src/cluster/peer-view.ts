/**
 * What is known of one peer over several paths. Pure. A peer is lost when no path brought anything for `deadAfter`; a path
 * that works one way only is an alarm, and the peer counts as alive.
 *
 * A message counts once, and only from the life (boot id) of the peer that is current. A new life is believed after it has
 * echoed a message that we sent shortly before: a recording of an old one can't.
 */
import type { Echo, Message, NodeStatus } from "./message.ts";

/** Sequence numbers below the highest that are still told apart from replays; bits of one integer. */
export const REPLAY_WINDOW_MAX = 30;
/** Former lives of a peer that are remembered; an older one would have to echo us anyway. */
const RETIRED_BOOTS_MAX = 8;
/** Own messages that an echo may be old to prove a new life: some seconds of heartbeats. */
export const PROOF_MESSAGES_MAX = 60;

/** A sliding window over sequence numbers. */
interface Window {
  readonly highest: number;
  /** Bit n: `highest - n` was seen. */
  readonly seen: number;
}

export interface PathView {
  readonly window: Window;
  /** Own monotonic milliseconds; -Infinity: never. */
  readonly heardAt: number;
}

/** Of one life, from one epoch. */
export interface Resignation {
  readonly boot: string;
  readonly epoch: number;
  readonly addressGone: boolean;
  readonly successor: string | null;
  readonly at: number;
}

export interface PeerView {
  readonly node: string;
  /** Its current life; null: none heard yet. */
  readonly boot: string | null;
  readonly retired: readonly string[];
  readonly paths: readonly PathView[];
  readonly window: Window;
  readonly heardAt: number;
  /** When we sent the newest message of ours that it echoed; -Infinity: none. It hears us as of then. */
  readonly echoedAt: number;
  readonly status: NodeStatus | null;
  readonly resignation: Resignation | null;
  /** It said goodbye as a standby, or is in maintenance: its silence says nothing. */
  readonly leftCleanly: boolean;
  /** What is echoed to it. */
  readonly echo: Echo | null;
  readonly greeting: Echo | null;
}

/** What became of a message. Only `news` and `late` are acted on; the last three are counted. */
export type Reception = "news" | "late" | "copy" | "replayed" | "old-boot" | "unproven";

export interface OwnLife {
  readonly boot: string;
  /** Last sequence number that we sent to this peer. */
  readonly sequence: number;
}

const EMPTY: Window = { highest: -1, seen: 0 };

export function newPeer(node: string, paths: number): PeerView {
  return {
    node,
    boot: null,
    retired: [],
    paths: Array.from({ length: paths }, () => ({ window: EMPTY, heardAt: Number.NEGATIVE_INFINITY })),
    window: EMPTY,
    heardAt: Number.NEGATIVE_INFINITY,
    echoedAt: Number.NEGATIVE_INFINITY,
    status: null,
    resignation: null,
    leftCleanly: false,
    echo: null,
    greeting: null,
  };
}

function seen(window: Window, sequence: number): boolean {
  const below = window.highest - sequence;
  if (below < 0) return false;
  return below >= REPLAY_WINDOW_MAX || (window.seen & (1 << below)) !== 0;
}

function note(window: Window, sequence: number): Window {
  const ahead = sequence - window.highest;
  if (ahead <= 0) return { highest: window.highest, seen: window.seen | (1 << -ahead) };
  const kept = ahead >= REPLAY_WINDOW_MAX ? 0 : (window.seen << ahead) & ((1 << REPLAY_WINDOW_MAX) - 1);
  return { highest: sequence, seen: kept | 1 };
}

/** Did whoever sent this hear us a moment ago? */
export function proves(echo: Echo | null, own: OwnLife): boolean {
  return (
    echo !== null &&
    echo.boot === own.boot &&
    echo.sequence <= own.sequence &&
    echo.sequence > own.sequence - PROOF_MESSAGES_MAX
  );
}

/** A message that was verified, on the path with this index. @returns the view after it, and what it was */
export function receive(
  view: PeerView,
  message: Message,
  at: { path: number; own: OwnLife; now: number },
): [PeerView, Reception] {
  if (view.boot !== message.boot) {
    if (view.retired.includes(message.boot)) return [view, "old-boot"];
    const greeting: Echo = { boot: message.boot, sequence: message.sequence, at: message.at };
    if (!proves(message.echo, at.own) && !proves(message.greeting, at.own))
      return [{ ...view, greeting }, "unproven"];
    const retired = view.boot === null ? [] : [...view.retired, view.boot].slice(-RETIRED_BOOTS_MAX);
    const fresh = newPeer(view.node, view.paths.length);
    return take({ ...fresh, boot: message.boot, retired }, message, at);
  }
  return take(view, message, at);
}

function take(
  view: PeerView,
  message: Message,
  at: { path: number; own: OwnLife; now: number },
): [PeerView, Reception] {
  const { sequence } = message;
  const path = view.paths[at.path];
  if (path === undefined || seen(path.window, sequence)) return [view, "replayed"];
  const paths = [...view.paths];
  const current = sequence > view.window.highest - REPLAY_WINDOW_MAX;
  paths[at.path] = {
    window: note(path.window, sequence),
    heardAt: current ? at.now : path.heardAt,
  };
  if (seen(view.window, sequence)) return [{ ...view, paths }, current ? "copy" : "replayed"];
  const newest = sequence > view.window.highest;
  const window = note(view.window, sequence);
  if (!newest) return [{ ...view, paths, window }, "late"];
  return [
    {
      ...view,
      paths,
      window,
      heardAt: at.now,
      echoedAt: echoedAt(view, message, at.own),
      echo: { boot: message.boot, sequence, at: message.at },
      greeting: null,
      status: message.body.kind === "heartbeat" ? message.body.status : view.status,
      leftCleanly:
        message.body.kind === "heartbeat" ? message.body.status.role === "maintenance" : view.leftCleanly,
    },
    "news",
  ];
}

function echoedAt(view: PeerView, { echo }: Message, own: OwnLife): number {
  if (echo === null || echo.boot !== own.boot || echo.sequence > own.sequence) return view.echoedAt;
  return Math.max(view.echoedAt, echo.at);
}

export function isAlive(view: PeerView, now: number, deadAfterMs: number): boolean {
  return now - view.heardAt < deadAfterMs;
}

/** It is heard, but does not hear us: an alarm, never a reason to take over. */
export function isOneWay(view: PeerView, now: number, deadAfterMs: number): boolean {
  return isAlive(view, now, deadAfterMs) && now - view.echoedAt >= 2 * deadAfterMs;
}
