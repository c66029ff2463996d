/**
 * Is the floating IP's network there? By the carrier of the interface, and by witnesses on that network that answer. Pure;
 * times are monotonic milliseconds.
 */

/** How often each witness is asked. */
const ASK_MS = 100;
/** A turn that comes so much before its time asks all the same. */
const EARLY_MS = 10;

export interface FrontWatch {
  readonly carrier: boolean;
  /** Without witnesses the carrier alone decides. */
  readonly witnesses: boolean;
  /** A witness has answered since the watch began. */
  readonly everHeard: boolean;
  /** Rounds of questions since the last answer. */
  readonly unanswered: number;
  readonly firstUnansweredAt: number;
  readonly askAt: number;
  /** When the witnesses were asked last, and when they were asked the question that one of them answered last; -Infinity: never. */
  readonly askedAt: number;
  readonly answeredAskAt: number;
  readonly front: "ok" | "lost";
  readonly reason: string;
}

export type FrontEvent =
  | { readonly kind: "carrier"; readonly up: boolean }
  | { readonly kind: "answer" }
  | { readonly kind: "tick" };

export type FrontEffect =
  | { readonly kind: "ask" }
  | { readonly kind: "changed"; readonly front: "ok" | "lost"; readonly reason: string }
  /** The link was lost and is back: whoever holds the address announces it again. */
  | { readonly kind: "healed" };

export function watchFrom(now: number, options: { witnesses: boolean; carrier: boolean }): FrontWatch {
  const { witnesses, carrier } = options;
  const front = carrier ? "ok" : "lost";
  const reason = carrier ? "the link is up" : "the interface has no carrier";
  const silence = { everHeard: false, unanswered: 0, firstUnansweredAt: now };
  const asked = { askedAt: Number.NEGATIVE_INFINITY, answeredAskAt: Number.NEGATIVE_INFINITY };
  return { carrier, witnesses, ...silence, ...asked, askAt: now, front, reason };
}

/** Does a witness answer? Null: there is none to ask. */
export function witnessAnswers(watch: FrontWatch, silenceMs: number, now: number): boolean | null {
  if (!watch.witnesses) return null;
  if (!watch.everHeard) return false;
  return !isSilent(watch, silenceMs, now);
}

/** Silence is questions without an answer, not time alone: a process that was frozen has asked nothing meanwhile. */
function isSilent(watch: FrontWatch, silenceMs: number, now: number): boolean {
  const rounds = Math.max(1, Math.floor(silenceMs / ASK_MS));
  return watch.unanswered >= rounds && now - watch.firstUnansweredAt >= silenceMs;
}

function verdict(watch: FrontWatch, silenceMs: number, now: number): Pick<FrontWatch, "front" | "reason"> {
  if (!watch.carrier) return { front: "lost", reason: "the interface has no carrier" };
  if (!watch.witnesses) return { front: "ok", reason: "the link is up" };
  if (!isSilent(watch, silenceMs, now))
    return { front: "ok", reason: watch.everHeard ? "a witness answers" : "the link is up" };
  const reason = watch.everHeard
    ? `no witness has answered for ${silenceMs} ms`
    : "no witness has ever answered: is cluster.witnesses right?";
  return { front: "lost", reason };
}

/** @param options.silenceMs the front is lost when no witness answers for so long, and in as many questions */
export function watchStep(
  before: FrontWatch,
  event: FrontEvent,
  options: { now: number; silenceMs: number },
): [FrontWatch, FrontEffect[]] {
  const { now, silenceMs } = options;
  const effects: FrontEffect[] = [];
  let watch = before;
  switch (event.kind) {
    case "carrier":
      // While the cable was out no answer could come: the witnesses get their time again.
      if (event.up !== watch.carrier)
        watch = { ...watch, carrier: event.up, unanswered: 0, firstUnansweredAt: now };
      break;
    case "answer":
      watch = { ...watch, everHeard: true, unanswered: 0, answeredAskAt: watch.askedAt };
      break;
    case "tick":
      if (watch.witnesses && now >= watch.askAt) {
        const first = watch.unanswered === 0 ? now : watch.firstUnansweredAt;
        watch = {
          ...watch,
          askAt: now + ASK_MS - EARLY_MS,
          askedAt: now,
          unanswered: watch.unanswered + 1,
          firstUnansweredAt: first,
        };
        effects.push({ kind: "ask" });
      }
      break;
  }
  const { front, reason } = verdict(watch, silenceMs, now);
  if (front !== before.front) {
    effects.push({ kind: "changed", front, reason });
    if (front === "ok") effects.push({ kind: "healed" });
  }
  return [{ ...watch, front, reason }, effects];
}
