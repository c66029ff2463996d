// Who sent in the name of the floating IP, by hardware address, as the switch saw it: SIP over IPv4, and announcements.
import { readFileSync } from "node:fs";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

export class SegmentOwners {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async watch(segment: Host, floatingIp: string): Promise<SegmentOwners> {
    const filter = `(src host ${floatingIp} and udp port 5060) or (arp and arp src host ${floatingIp})`;
    const program = segment.start("owners", [
      ...[
        "nice",
        "-n",
        "-15",
        "tcpdump",
        "-i",
        "br-front",
        "-e",
        "-n",
        "-tt",
        "-l",
        "--immediate-mode",
        filter,
      ],
    ]);
    await program.untilOutput(/listening on/, 5_000);
    return new SegmentOwners(program);
  }

  /** @returns how long, in milliseconds, two were heard in turn: from the first word of the second owner until the last one of the first */
  async stop(): Promise<{ readonly owners: number; readonly overlapMs: number }> {
    await this.#program.stop("SIGINT");
    const spans = new Map<string, { first: number; last: number }>();
    for (const line of readFileSync(this.#program.stdoutFile, "utf8").split("\n")) {
      const [, seconds, owner] = /^(\d+\.\d+) ((?:[0-9a-f]{2}:){5}[0-9a-f]{2}) > /.exec(line) ?? [];
      if (seconds === undefined || owner === undefined) continue;
      const at = 1_000 * Number(seconds);
      const span = spans.get(owner);
      if (span === undefined) spans.set(owner, { first: at, last: at });
      else span.last = at;
    }
    const inOrder = [...spans.values()].sort((one, other) => one.first - other.first);
    const overlaps = inOrder.slice(1).map(({ first }, index) => (inOrder[index]?.last ?? first) - first);
    return { owners: spans.size, overlapMs: Math.max(0, ...overlaps) };
  }
}
