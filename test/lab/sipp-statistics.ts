// The statistics file of SIPp (-trace_stat): a header line, then a line a period, values separated by semicolons.

/** Counts since SIPp's start. */
export interface SippStatistics {
  /** Calls begun: made by a caller, received by a PBX. */
  offered: number;
  current: number;
  successful: number;
  failed: number;
  /** The scenario's own counters, by the name that it gives them. */
  counters: Record<string, number>;
}

const TOTAL = "(C)";

/**
 * The newest complete line of a statistics file.
 * @returns null when there is none yet; a column that this SIPp lacks counts 0
 */
export function parseSippStatistics(text: string): SippStatistics | null {
  // A last line without its line feed is still being written.
  const lines = text.split("\n").slice(0, -1).filter(Boolean);
  const names = lines[0]?.split(";");
  if (names === undefined || lines.length < 2) return null;
  const values = lines[lines.length - 1]?.split(";") ?? [];
  const row = new Map(names.map((name, column) => [name, Number(values[column] ?? 0)]));
  const total = (name: string): number => row.get(`${name}${TOTAL}`) ?? 0;
  const counters: Record<string, number> = {};
  for (const name of names) {
    // Written in lower case in our scenarios; SIPp's own columns begin with a capital.
    if (/^[a-z]/.test(name) && name.endsWith(TOTAL))
      counters[name.slice(0, -TOTAL.length)] = row.get(name) ?? 0;
  }
  return {
    offered: total("IncomingCall") + total("OutgoingCall"),
    current: row.get("CurrentCall") ?? 0,
    successful: total("SuccessfulCall"),
    failed: total("FailedCall"),
    counters,
  };
}
