// Kamailio for the benchmark: its file and its command line.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Addresses, SIP_PORT } from "./subject.ts";

const SHARED_MEMORY_MIB = "1024";
const PRIVATE_MEMORY_MIB = "16";

export interface KamailioPlan {
  label: string;
  directory: string;
  addresses: Addresses;
  /** Where it listens. */
  own: string;
  /** The other node, to and from which dialogs are replicated; default: it is alone. */
  peer?: string;
  /** The allocator of production; else the debugging one. */
  fm: boolean;
}

/** Writes its configuration. @returns what starts it */
export function kamailioArgv({ label, directory, addresses, own, peer, fm }: KamailioPlan): string[] {
  const template = readFileSync(join(import.meta.dirname, "kamailio.cfg"), "utf8");
  const file = join(directory, `${label}.cfg`);
  writeFileSync(
    file,
    template
      .replaceAll("LISTEN", `${own}:${SIP_PORT}`)
      .replaceAll("PEER", `${peer ?? own}:${SIP_PORT}`)
      .replaceAll("CALLEE", `${addresses.callee}:${SIP_PORT}`),
  );
  // -DD: stays in the foreground with its children. -Y: its sockets and pid files go to a directory of the lab.
  const memory = ["-m", SHARED_MEMORY_MIB, "-M", PRIVATE_MEMORY_MIB];
  const allocator = fm ? ["-x", "fm", "-X", "fm"] : [];
  const replication = peer === undefined ? [] : ["-A", "REPLICATED"];
  return ["kamailio", "-f", file, "-DD", "-E", ...memory, "-Y", directory, ...allocator, ...replication];
}
