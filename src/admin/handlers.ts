/** The table of commands that a running node answers, whichever door they come through. */

/** What a command says back; beside these keys a command has its own. Plain JSON. */
export interface CommandAnswer {
  readonly ok: boolean;
  /** One sentence, where it is not. */
  readonly error?: string;
  readonly [key: string]: unknown;
}

/** What was asked: the name of the command, and arguments that its handler has to check. */
export interface CommandRequest {
  readonly command: string;
  readonly [key: string]: unknown;
}

export type CommandHandler = (request: CommandRequest) => CommandAnswer | Promise<CommandAnswer>;

/** By the name of the command. */
export type CommandHandlers = ReadonlyMap<string, CommandHandler>;

/**
 * Answers one request.
 * @param text JSON of a {@link CommandRequest}, from outside
 * @returns an answer with `ok: false` for whatever is no such request. Rejects where a handler does.
 */
export async function answerCommand(handlers: CommandHandlers, text: string): Promise<CommandAnswer> {
  const request = parseRequest(text);
  if (request === null) return { ok: false, error: 'a request is one JSON object a line: {"command":"..."}' };
  const handler = handlers.get(request.command);
  if (handler !== undefined) return await handler(request);
  return { ok: false, error: `no such command; there is: ${[...handlers.keys()].sort().join(", ")}` };
}

function parseRequest(text: string): CommandRequest | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || !("command" in value)) return null;
  return typeof value.command === "string" ? (value as CommandRequest) : null;
}
