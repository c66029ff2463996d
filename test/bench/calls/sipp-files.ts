// What SIPp writes about itself: its statistics (-trace_stat) and its short messages (-trace_shortmsg).

export interface SippCounts {
  /** Begun by a caller, received by a callee. */
  calls: number;
  current: number;
  failed: number;
  /** Those whose BYE was answered, by the caller's own count. */
  completed: number;
  /** Messages sent again for want of an answer. */
  retransmissions: number;
  /** Seconds from the start to this line. */
  elapsedS: number;
}

/**
 * The newest whole line of a statistics file: a header line, then a line a period, values separated by semicolons.
 * @returns null when there is none yet; a column that this SIPp lacks counts 0
 */
export function parseCounts(text: string): SippCounts | null {
  return parseLines(text).at(-1) ?? null;
}

/** Calls completed when so many seconds had passed, by the last line until then; 0 where there is none. */
export function completedWithin(text: string, seconds: number): number {
  return parseLines(text).findLast(({ elapsedS }) => elapsedS <= seconds)?.completed ?? 0;
}

function parseLines(text: string): SippCounts[] {
  const [head = "", ...lines] = text.split("\n").slice(0, -1).filter(Boolean); // one without its line feed is still being written
  return lines.map((line) => countsOf(head.split(";"), line.split(";")));
}

function countsOf(names: readonly string[], values: readonly string[]): SippCounts {
  const read = (name: string): string => values[names.indexOf(name)] ?? "";
  const count = (name: string): number => Number(read(name)) || 0;
  return {
    calls: count("IncomingCall(C)") + count("OutgoingCall(C)"),
    current: count("CurrentCall"),
    failed: count("FailedCall(C)"),
    completed: count("completed(C)"),
    retransmissions: count("Retransmissions(C)"),
    elapsedS: secondsOf(read("CurrentTime")) - secondsOf(read("StartTime")),
  };
}

/** A time of SIPp: date, time of day, and seconds since 1970, between tabs. */
function secondsOf(time: string): number {
  return Number(time.split("\t")[2]) || 0;
}

/**
 * Milliseconds from each INVITE to its 200, at the caller. From the short messages, as SIPp's own response times
 * follow a clock that moves in steps of a kernel tick (4 ms on many machines). Calls without a 200 are left out;
 * an INVITE sent again counts from the first.
 */
export function parseAnswerTimes(text: string): number[] {
  const invited = new Map<string, number>();
  const times: number[] = [];
  for (const line of text.split("\n")) {
    const [, , seconds, direction, callId, cseq, start] = line.split("\t");
    if (callId === undefined || cseq?.endsWith("INVITE") !== true) continue;
    if (direction === "S") {
      if (start?.startsWith("INVITE ") === true && !invited.has(callId)) invited.set(callId, Number(seconds));
    } else if (start?.startsWith("SIP/2.0 200") === true) {
      const sentAt = invited.get(callId);
      if (sentAt === undefined || Number.isNaN(sentAt)) continue;
      times.push((Number(seconds) - sentAt) * 1_000);
      invited.set(callId, Number.NaN); // a 200 sent again
    }
  }
  return times;
}
