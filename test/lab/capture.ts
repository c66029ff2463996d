// Captures with tcpdump, in a host or on the switch, to a file or as they come.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Host } from "./host.ts";
import { type Packet, PcapReader } from "./pcap.ts";
import type { Program } from "./program.ts";

export interface CaptureOptions {
  /** Default: "eth0"; on the switch "br-<network>". */
  interface?: string;
  /** pcap-filter(7); default: SIP's port 5060 and ICMP. */
  filter?: string;
}

const DEFAULT_FILTER = "port 5060 or icmp or icmp6";
/** Enough for what TCP bundles here; a slot of the kernel's buffer is as large, whatever a packet has. */
const SNAP_BYTES = 8_192;
/** 8,192 packets: some seconds of waiting for the processor. */
const KERNEL_BUFFER_KIB = 65_536;
/** A capture that is late for the processor has holes. */
const NICENESS = -15;
const LAST_PACKETS_MS = 150;

function argv(options: CaptureOptions, file: string): string[] {
  // -U: each packet is written as it comes. -Z root: no change of user, which could not write the file.
  // --immediate-mode: else the kernel hands packets over in blocks, and an unfinished block is lost at the end.
  return [
    ...["nice", "-n", `${NICENESS}`, "tcpdump", "--immediate-mode", "-U", "-n", "-Z", "root"],
    ...["-s", `${SNAP_BYTES}`, "-B", `${KERNEL_BUFFER_KIB}`],
    ...["-i", options.interface ?? "eth0", "-w", file, options.filter ?? DEFAULT_FILTER],
  ];
}

/** @throws when the kernel dropped packets: a capture with holes proves nothing */
async function finish(program: Program): Promise<void> {
  await delay(LAST_PACKETS_MS); // what is on its way from the kernel would be lost by the signal
  await program.stop("SIGINT");
  const dropped = /^(\d+) packets? dropped by kernel/m.exec(program.output())?.[1];
  if (dropped !== "0")
    throw new Error(`capture ${program.label}: ${dropped ?? "unknown number of"} packets dropped`);
}

/** A capture into a file of the lab's directory. */
export class Capture {
  readonly file: string;
  readonly #program: Program;

  private constructor(program: Program, file: string) {
    this.#program = program;
    this.file = file;
  }

  /** Starts one; resolves when tcpdump listens. */
  static async start(host: Host, options: CaptureOptions = {}): Promise<Capture> {
    const file = join(host.directory, `${host.name}-${process.hrtime.bigint()}.pcap`);
    const program = host.start("tcpdump", argv(options, file));
    await program.untilOutput(/listening on/, 5_000);
    return new Capture(program, file);
  }

  /** Ends it and gives what it has. Throws when packets were missed. */
  async stop(): Promise<Packet[]> {
    await finish(this.#program);
    return new PcapReader().push(readFileSync(this.file));
  }
}

/** Captures and hands over each packet as it comes. @returns the function that ends it */
export async function watchPackets(
  host: Host,
  options: CaptureOptions & { onPacket: (packet: Packet) => void },
): Promise<() => Promise<void>> {
  const program = host.start("tcpdump", argv(options, "-"), { stdout: "pipe" });
  const reader = new PcapReader();
  program.stdout?.on("data", (chunk: Buffer) => {
    for (const packet of reader.push(chunk)) options.onPacket(packet);
  });
  const ended = new Promise<void>((resolve) => program.stdout?.once("end", resolve));
  await program.untilOutput(/listening on/, 5_000);
  return async () => {
    await finish(program);
    await ended;
  };
}
