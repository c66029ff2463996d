/** Asks a running node through its control socket. */
import { connect } from "node:net";
import type { CommandAnswer, CommandRequest } from "./handlers.ts";

/** Characters of an answer: each of 100,000 problems of a file would fit. */
const ANSWER_CHARACTERS_MAX = 64 * 1024 * 1024;
/** Longest that a node may take for a command. */
const ANSWER_TIMEOUT_MS = 60_000;

/**
 * Sends one request and waits for its answer.
 * @throws Error with one sentence where no node answers
 */
export function askNode(path: string, request: CommandRequest): Promise<CommandAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = "";
    const fail = (why: string): void => {
      socket.destroy();
      reject(new Error(why));
    };
    socket.setEncoding("utf8").setTimeout(ANSWER_TIMEOUT_MS, () => fail(`no answer from ${path}`));
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (chunk) => {
      text += String(chunk);
      const end = text.indexOf("\n");
      if (end < 0 && text.length > ANSWER_CHARACTERS_MAX) fail(`too long an answer from ${path}`);
      if (end < 0) return;
      socket.destroy();
      const answer = readAnswer(text.slice(0, end));
      if (answer === null) reject(new Error(`${path} is no control socket of tandem`));
      else resolve(answer);
    });
    socket.on("end", () => fail(`the node behind ${path} ended, or has too many clients`));
    socket.on("error", (error: NodeJS.ErrnoException) => fail(explain(path, error)));
  });
}

function readAnswer(line: string): CommandAnswer | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("ok" in value)) return null;
    return typeof value.ok === "boolean" ? (value as CommandAnswer) : null;
  } catch {
    return null;
  }
}

function explain(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return `no node runs with the control socket ${path}`;
    case "EACCES":
      return `only the user who runs the node, and root, may open ${path}`;
    default:
      return `cannot reach ${path}: ${error.message}`;
  }
}
