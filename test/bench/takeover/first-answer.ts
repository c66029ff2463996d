// When the first new call was answered, by the caller's own record of its messages.

/**
 * Of SIPp's short messages (-trace_shortmsg).
 * @param since wall time in milliseconds
 * @returns milliseconds from then to the first 200 of an INVITE that was first sent after it; NaN: there is none
 */
export function firstAnswerMs(text: string, since: number): number {
  const fresh = new Set<string>();
  const known = new Set<string>();
  for (const line of text.split("\n")) {
    const [, , seconds, direction, callId, cseq, start] = line.split("\t");
    if (callId === undefined || start === undefined || cseq?.endsWith("INVITE") !== true) continue;
    const at = Number(seconds) * 1_000;
    if (direction === "S" && start.startsWith("INVITE ") && !known.has(callId)) {
      known.add(callId);
      if (at >= since) fresh.add(callId);
    } else if (direction === "R" && start.startsWith("SIP/2.0 200") && fresh.has(callId)) return at - since;
  }
  return Number.NaN;
}
