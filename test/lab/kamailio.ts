// Kamailio in a host of the lab, as a PBX that record-routes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

/**
 * Starts Kamailio on port 5060 (UDP) of the host; resolves when it listens.
 * @param phone the address to which it sends every new call: number 1001 to port 5061, 1002 to 5062, else 5060
 */
export async function startKamailio(host: Host, phone: string): Promise<Program> {
  const template = readFileSync(join(import.meta.dirname, "kamailio.cfg"), "utf8");
  const file = join(host.directory, `${host.name}-kamailio.cfg`);
  writeFileSync(file, template.replaceAll("LISTEN", host.ip4).replaceAll("PHONE", phone));
  // -DD: stays in the foreground with its children. -Y: its sockets and pid files go to the lab's directory.
  const argv = ["kamailio", "-f", file, "-DD", "-E", "-m", "32", "-M", "4", "-Y", host.directory];
  const program = host.start("kamailio", argv);
  await program.untilBound("udp", 5060, 10_000);
  return program;
}
