// When new calls were answered, by the caller's own record of its messages: SIPp's short messages (-trace_shortmsg).

interface Line {
  /** Wall time in milliseconds. */
  at: number;
  callId: string;
  kind: "invite" | "answer";
}

function linesOf(text: string): Line[] {
  return text.split("\n").flatMap((line): Line[] => {
    const [, , seconds, direction, callId, cseq, start] = line.split("\t");
    if (callId === undefined || start === undefined || cseq?.endsWith("INVITE") !== true) return [];
    const at = Number(seconds) * 1_000;
    if (direction === "S" && start.startsWith("INVITE ")) return [{ at, callId, kind: "invite" }];
    return direction === "R" && start.startsWith("SIP/2.0 200") ? [{ at, callId, kind: "answer" }] : [];
  });
}

/**
 * @param since wall time in milliseconds
 * @returns milliseconds from then to the first 200 of an INVITE that was first sent after it; NaN: there is none
 */
export function firstAnswerMs(text: string, since: number): number {
  const fresh = new Set<string>();
  const known = new Set<string>();
  for (const { at, callId, kind } of linesOf(text)) {
    if (kind === "answer" && fresh.has(callId)) return at - since;
    if (kind === "invite" && !known.has(callId) && at >= since) fresh.add(callId);
    if (kind === "invite") known.add(callId);
  }
  return Number.NaN;
}

/**
 * Where service goes on until it changes hands: the longest time in which no new call was answered.
 * @returns milliseconds between two answers, the first of them the last before `since` or later; NaN: none came after it
 */
export function longestGapMs(text: string, since: number): number {
  const answers = linesOf(text)
    .filter(({ kind }) => kind === "answer")
    .map(({ at }) => at);
  const gaps = answers.flatMap((at, index) =>
    at >= since && index > 0 ? [at - (answers[index - 1] ?? at)] : [],
  );
  return gaps.length === 0 ? Number.NaN : Math.max(...gaps);
}
