/** Which running node a command is for: by its file, its name or its socket; by the name of this host where none is given. */
import { hostname } from "node:os";
import { resolve as resolvePath } from "node:path";
import { defaultControlSocket } from "../config/control-socket-path.ts";
import type { Environment } from "../config/environment.ts";
import { findControlSocket } from "../config/find-control-socket.ts";
import { loadConfig } from "../config/load-config.ts";

export interface NodeChoice {
  readonly config?: string;
  readonly node?: string;
  readonly socket?: string;
}

/**
 * @returns the path of its control socket
 * @throws ConfigError where the file can't be used, Error where it does not say which node runs with it
 */
export function socketOf({ config, node = hostname(), socket }: NodeChoice, env: Environment): string {
  if (socket !== undefined) return resolvePath(socket);
  const owner = { node, env, uid: process.getuid?.() ?? 0 };
  if (config === undefined) return defaultControlSocket(owner);
  const found = findControlSocket(config, owner);
  if (found !== null) return found;
  loadConfig(config, env); // throws what is wrong with the file, as it has no readable name or socket
  throw new Error(`${config} does not say which node runs with it: name the node by --node or --socket`);
}
