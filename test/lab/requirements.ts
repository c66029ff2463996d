// What the lab needs of the machine, so that a test can say why it was skipped.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Needed by every lab. */
const BASE_PROGRAMS = ["ip", "nft", "tcpdump", "setpriv"];
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** What is short in `npm test` has its whole length. */
export const isLong = process.env["TANDEM_LAB_LONG"] === "1";
/** `skip` of a test that only a long run has. */
export const unlessLong = isLong ? false : "TANDEM_LAB_LONG=1";

function isInstalled(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(":"), ...SYSTEM_PATH].filter(
    (folder) => folder !== "",
  );
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Why the lab cannot run here, as one sentence for a person, or false when it can. Shaped for node:test's `skip`.
 * @param programs what the test runs beside the lab's own tools, by name: "sipp", "kamailio", "baresip"
 */
export function labObstacle(programs: readonly string[] = []): string | false {
  if (process.platform !== "linux") return "the lab needs Linux (network namespaces)";
  if (process.getuid?.() !== 0) return "the lab needs root (network namespaces)";
  const missing = [...BASE_PROGRAMS, ...programs].filter((program) => !isInstalled(program));
  if (missing.length > 0) return `the lab needs programs that are not installed: ${missing.join(", ")}`;
  const attempt = spawnSync("unshare", ["--net", "true"], { encoding: "utf8" });
  if (attempt.status !== 0) return `network namespaces are not allowed here: ${attempt.stderr.trim()}`;
  return false;
}
