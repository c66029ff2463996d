// What a process and all that it started have used: processor time and memory, from /proc (proc(5)).
import { readFileSync } from "node:fs";

/** USER_HZ: on Linux 100, whatever the kernel's own tick is. */
const TICKS_A_SECOND = 100;

export interface ProcessorTime {
  userUs: number;
  kernelUs: number;
}

export interface CoreTime {
  busyUs: number;
  stolenUs: number;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // it ended meanwhile
  }
}

/**
 * User and kernel time of a line of /proc/PID/stat, ended and waited-for children included.
 * The program's name, in brackets, may itself hold blanks and brackets: fields are counted from the last one.
 */
export function parseStat(line: string): ProcessorTime {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const ticks = (number: number): number => Number(fields[number - 3] ?? 0) || 0; // numbered as in proc(5)
  const us = 1e6 / TICKS_A_SECOND;
  return { userUs: (ticks(14) + ticks(16)) * us, kernelUs: (ticks(15) + ticks(17)) * us };
}

/** What /proc/stat says of one core: busy in any way, and stolen by the host of a virtual machine. */
export function parseCore(text: string, core: number): CoreTime {
  const line = text.split("\n").find((each) => each.startsWith(`cpu${core} `)) ?? "";
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(" ")
    .slice(1)
    .map((ticks) => (Number(ticks) * 1e6) / TICKS_A_SECOND);
  return { busyUs: user + nice + system + irq + softirq, stolenUs: steal };
}

/** Proportional set size in bytes from a /proc/PID/smaps_rollup: memory shared by n processes counts 1/n in each. */
export function parsePss(text: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** The process and all that it started, at any depth. */
export function processTree(pid: number): number[] {
  const children = readText(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(processTree)];
}

export function processorTime(pid: number): ProcessorTime {
  const sum = { userUs: 0, kernelUs: 0 };
  for (const each of processTree(pid)) {
    const { userUs, kernelUs } = parseStat(readText(`/proc/${each}/stat`));
    sum.userUs += userUs;
    sum.kernelUs += kernelUs;
  }
  return sum;
}

/** Bytes of memory in use by the whole tree; what its processes share counts once. */
export function residentBytes(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + parsePss(readText(`/proc/${each}/smaps_rollup`)), 0);
}
