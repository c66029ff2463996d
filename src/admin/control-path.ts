/** Makes the path of the control socket free: its directory is there and safe, and what a dead node left is gone. */
import { lstatSync, mkdirSync, type Stats, statSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { ControlError } from "./control-error.ts";

/** Of a directory that we make: nobody else may even look. */
const DIRECTORY_MODE = 0o700;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** A node that lives accepts at once, however busy it is: the kernel does it. */
const PROBE_TIMEOUT_MS = 1_000;

/**
 * Makes the directory where there is none, and removes the socket of a node that is gone.
 * @throws ControlError where a node lives there, where others could put their socket in place of ours, or where the
 *   path is something else: that is never removed
 */
export async function clearPath(path: string): Promise<void> {
  const found = inspect(path);
  if (found === null) return;
  if (!found.isSocket()) {
    throw new ControlError("CONTROL_FAILED", `${path} is no socket: choose another control.socket`);
  }
  if (await isServed(path)) {
    throw new ControlError(
      "CONTROL_IN_USE",
      `another node runs with the control socket ${path}: stop it, or give this one a control.socket of its own`,
    );
  }
  // Between the question and now another node may have put its own there.
  if (inspect(path)?.ino === found.ino) attempt(path, () => unlinkSync(path));
}

/** @returns null where nothing is there yet, in a directory that is fit to hold a socket */
function inspect(path: string): Stats | null {
  const directory = dirname(path);
  attempt(path, () => mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE }));
  const [link, { mode, uid }] = attempt(path, () => [lstatSync(directory), statSync(directory)]);
  const open = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
  if (open || !isOursOrRoots(uid) || !isOursOrRoots(link.uid)) {
    throw new ControlError(
      "CONTROL_UNSAFE",
      `others may change ${directory}, and so answer for the node: choose a control.socket in a directory of the user who runs it`,
    );
  }
  return attempt(path, () => lstatSync(path, { throwIfNoEntry: false })) ?? null;
}

function isOursOrRoots(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ControlError("CONTROL_FAILED", `cannot open the control socket ${path}: ${why}`, error);
  }
}

/** Does anybody accept there? Who does not refuse, lives: a doubt never removes a socket. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const done = (lives: boolean): void => {
      probe.destroy();
      resolve(lives);
    };
    probe.setTimeout(PROBE_TIMEOUT_MS, () => done(true));
    probe.on("connect", () => done(true));
    probe.on("error", (error: NodeJS.ErrnoException) => {
      done(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}
