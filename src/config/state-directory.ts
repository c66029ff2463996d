/** Where a node keeps what must outlive it: settings of operators, and what it has promised to others. */
import { isAbsolute } from "node:path";
import { bad, type Checked, good } from "./checked.ts";
import type { SocketOwner } from "./control-socket-path.ts";

/** PATH_MAX of Linux, less its NUL and the longest name of a file in it. */
const DIRECTORY_BYTES_MAX = 3_839;

/** The directory of a node whose file names none. */
export function defaultStateDirectory({ node, env, uid }: SocketOwner): string {
  if (uid === 0) return `/var/lib/tandem/${node}`;
  const [state, home] = [env["XDG_STATE_HOME"], env["HOME"]];
  if (state !== undefined && isAbsolute(state)) return `${state}/tandem/${node}`;
  return home !== undefined && isAbsolute(home)
    ? `${home}/.local/state/tandem/${node}`
    : `/tmp/tandem-${uid}/state/${node}`;
}

/** Reads `state.directory`. */
export function checkStateDirectory(text: string): Checked<string> {
  const expected = "the absolute path of a directory such as /var/lib/tandem/edge-a";
  if (!isAbsolute(text) || text.includes("\0")) return bad(expected, "begin with a slash");
  return Buffer.byteLength(text) <= DIRECTORY_BYTES_MAX
    ? good(text.replace(/(?<=.)\/+$/, ""))
    : bad(expected, `at most ${DIRECTORY_BYTES_MAX} bytes: choose a shorter path`);
}
