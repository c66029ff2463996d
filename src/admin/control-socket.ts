/** The door for commands on the same machine: a UNIX socket that only its owner may open, a line of JSON each way. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { ControlError } from "./control-error.ts";
import { clearPath } from "./control-path.ts";
import { answerCommand, type CommandAnswer, type CommandHandlers } from "./handlers.ts";

/** Characters of a request: a command with a handful of arguments. */
export const REQUEST_CHARACTERS_MAX = 65_536;
/** Clients at once; a person and some scripts. One more is closed at once. */
export const CLIENTS_MAX = 16;
/** A client that says nothing for so long, or does not read its answer, is closed. */
const CLIENT_IDLE_MS = 30_000;
const TOO_LONG: CommandAnswer = {
  ok: false,
  error: `a request has at most ${REQUEST_CHARACTERS_MAX} characters`,
};
/** Nobody else may read or write it. */
const OWNER_ONLY_UMASK = 0o177;

export interface ControlOptions {
  /** Absolute path. */
  readonly path: string;
  readonly handlers: CommandHandlers;
  /** Default: {@link CLIENT_IDLE_MS}. */
  readonly idleMs?: number;
}

export interface ControlSocket {
  /** Closes every client, and removes the socket. */
  close(): Promise<void>;
}

/**
 * Opens the socket; one that a node which is gone has left behind is removed first.
 * @throws ControlError, with nothing left open
 */
export async function openControlSocket(options: ControlOptions): Promise<ControlSocket> {
  const { path, handlers, idleMs = CLIENT_IDLE_MS } = options;
  await clearPath(path);
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    clients.add(socket);
    socket.setTimeout(idleMs, () => socket.destroy());
    // A client that went away: `close` follows.
    socket.on("error", () => {});
    socket.on("close", () => clients.delete(socket));
    void serve(socket, handlers);
  });
  server.maxConnections = CLIENTS_MAX;
  await listen(server, path);
  return {
    close: async () => {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  // The mode of a socket is what the mask leaves; it is made within the call, so that no other mode is ever seen.
  const before = process.umask(OWNER_ONLY_UMASK);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  try {
    await once(server, "listening");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ControlError("CONTROL_FAILED", `cannot open the control socket ${path}: ${why}`, error);
  }
  // Errors of a later accept (no file descriptor left) end nothing: the client is refused.
  server.on("error", () => {});
}

/** Answers the requests of one client in their order, until it has no more. The next is read when the last was answered. */
async function serve(socket: Socket, handlers: CommandHandlers): Promise<void> {
  socket.setEncoding("utf8");
  let rest = "";
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      rest += String(chunk);
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
        if (end > REQUEST_CHARACTERS_MAX) break;
        await write(socket, await answerCommand(handlers, rest.slice(0, end)));
        rest = rest.slice(end + 1);
      }
      if (rest.length > REQUEST_CHARACTERS_MAX) break;
    }
    if (rest.length > REQUEST_CHARACTERS_MAX) await write(socket, TOO_LONG);
    else if (rest.trim() !== "") await write(socket, await answerCommand(handlers, rest));
  } catch (error) {
    // The client's end of the line broke, which concerns nobody else; or a handler failed, and the client is told.
    const why = error instanceof Error ? error.message : String(error);
    if (!socket.destroyed) await write(socket, { ok: false, error: `the command failed: ${why}` });
  }
  socket.destroySoon();
}

async function write(socket: Socket, answer: CommandAnswer): Promise<void> {
  if (!socket.writable || socket.write(`${JSON.stringify(answer)}\n`)) return;
  await new Promise<void>((resolve) => {
    socket.once("drain", resolve).once("close", resolve);
  });
}
