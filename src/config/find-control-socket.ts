/** The control socket of the node that runs with a file: found even where the file can't be used for anything else. */
import { readFileSync } from "node:fs";
import { checkSocketPath, defaultControlSocket, type SocketOwner } from "./control-socket-path.ts";
import { ConfigDocument } from "./document.ts";
import { valueAt } from "./found.ts";

/**
 * Reads `node` and `control.socket` of a file, and nothing else: the rest is for the node to judge, whose environment
 * may have what ours lacks.
 * @param owner the node's name where the file gives none; user and environment
 * @returns the path; null where the file can't be read, or not in this part
 */
export function findControlSocket(file: string, owner: SocketOwner): string | null {
  const text = readText(file);
  if (text === null) return null;
  const document = new ConfigDocument(text, owner.env);
  const isBad = (key: string): boolean => document.faults.some(({ path }) => path.join(".") === key);
  if (document.broken || isBad("node") || isBad("control.socket")) return null;
  const socket = valueAt(document.data, ["control", "socket"]);
  if (socket !== undefined) {
    const checked = typeof socket === "string" ? checkSocketPath(socket.trim()) : null;
    return checked?.ok ? checked.value : null;
  }
  const node = valueAt(document.data, ["node"]) ?? owner.node;
  return typeof node === "string" ? defaultControlSocket({ ...owner, node }) : null;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null; // `loadConfig` has the words for it
  }
}
