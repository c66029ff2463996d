// ARP and neighbour discovery as tcpdump words it, a line a frame: captures of `capture.ts` are of IP packets.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

const LAST_FRAMES_MS = 150;

export class FrameLog {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** @param filter pcap-filter(7) */
  static async start(host: Host, device: string, filter: string): Promise<FrameLog> {
    const argv = ["tcpdump", "--immediate-mode", "-l", "-n", "-e", "-tt", "-Z", "root", "-i", device, filter];
    const program = host.start("frames", argv);
    await program.untilOutput(/listening on/, 5_000);
    return new FrameLog(program);
  }

  /** Ends it. @returns a line a frame: time in seconds, hardware addresses, words */
  async stop(): Promise<string[]> {
    await delay(LAST_FRAMES_MS);
    await this.#program.stop("SIGINT");
    return readFileSync(this.#program.stdoutFile, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  }
}
