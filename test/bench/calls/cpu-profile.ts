// Reads a profile of V8 (`.cpuprofile`): where the time was spent, by function.

export interface CpuProfile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  samples?: number[];
  /** Microseconds before each sample. */
  timeDeltas?: number[];
}

export interface SelfTime {
  /** Function, file and line; what is not JavaScript in brackets. */
  name: string;
  selfUs: number;
  /** Of all the time in which the process was not idle. */
  share: number;
}

function title({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  return `${name}  ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`;
}

/** Time in each function itself, what it calls left out; longest first, without the idle time. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const names = new Map(profile.nodes.map((node) => [node.id, title(node.callFrame)]));
  const times = new Map<string, number>();
  profile.samples?.forEach((id, index) => {
    const name = names.get(id) ?? "(unknown)";
    // The time before the next sample is spent where this one was taken.
    const us = profile.timeDeltas?.[index + 1] ?? 0;
    if (name !== "(idle)") times.set(name, (times.get(name) ?? 0) + us);
  });
  const sum = [...times.values()].reduce((total, us) => total + us, 0);
  return [...times]
    .map(([name, selfUs]) => ({ name, selfUs, share: sum === 0 ? 0 : selfUs / sum }))
    .sort((a, b) => b.selfUs - a.selfUs);
}
