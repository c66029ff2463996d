/** Where a node's control socket is, so that `tandem reload` finds it by the node's name alone. */
import { isAbsolute } from "node:path";
import { bad, type Checked, good } from "./checked.ts";
import type { Environment } from "./environment.ts";

/** `sun_path` of unix(7) has 108 bytes, the last of them a NUL. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** What the default path depends on. */
export interface SocketOwner {
  readonly node: string;
  readonly env: Environment;
  /** Of the process; 0 is root. */
  readonly uid: number;
}

/** The path of a node whose file names none: in a directory that nobody else may write to. */
export function defaultControlSocket({ node, env, uid }: SocketOwner): string {
  if (uid === 0) return `/run/tandem/${node}.sock`;
  const runtime = env["XDG_RUNTIME_DIR"];
  const own = runtime === undefined ? "" : `${runtime}/tandem/${node}.sock`;
  return isAbsolute(own) && fits(own) ? own : `/tmp/tandem-${uid}/${node}.sock`;
}

/** Reads `control.socket`. */
export function checkSocketPath(text: string): Checked<string> {
  const expected = `the absolute path of a UNIX socket, at most ${SOCKET_PATH_BYTES_MAX} bytes`;
  if (!isAbsolute(text)) return bad(expected, "begin with a slash, as in /run/tandem/edge-a.sock");
  if (text.includes("\0") || text.endsWith("/")) return bad(expected, "name the socket itself");
  return fits(text)
    ? good(text)
    : bad(expected, "choose a shorter directory: the kernel takes no longer one");
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;
}
