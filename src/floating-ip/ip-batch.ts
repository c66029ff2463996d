/** One `ip -force -json -batch -` that is kept open: a line takes effect in a fraction of the time of a new process. */
import { type ChildProcess, spawn } from "node:child_process";
import { FloatingIpError } from "./floating-ip-error.ts";
import { failedLine, parseShown, type Shown } from "./ip-reply.ts";
import { toolEnvironment } from "./system-path.ts";

/** An answer of `ip` past this is none that we asked for: a host with 10,000 addresses gives 3 MB. */
const ANSWER_BYTES_MAX = 16 * 1_048_576;

/** Questions without an answer; a caller asks one each 200 ms and gives up long before. */
const QUESTIONS_MAX = 64;

/** A line that failed, with the words of `ip`. */
export interface LineFailure {
  readonly line: string;
  readonly words: string;
}

export interface IpAnswer {
  /** What the `show` at the end of the question listed; null where that failed itself. */
  readonly shown: Shown | null;
  readonly failures: readonly LineFailure[];
}

interface Question {
  readonly lines: readonly string[];
  /** Number of the first of its lines in the batch, from 1. */
  readonly first: number;
  readonly askedAt: number;
  readonly failures: LineFailure[];
  readonly settle: (answer: IpAnswer) => void;
  readonly fail: (error: FloatingIpError) => void;
}

/**
 * Lines in, answers out, in order. A question is a few commands and a `show`, whose JSON on standard output ends its
 * answer; failures are told apart by the line number that `ip` prints.
 */
export class IpBatch {
  /** Settles when the process is gone, with why; never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #questions: Question[] = [];
  /** Answered in this turn of the loop: their failures may still be in the other pipe. */
  readonly #answered: Question[] = [];
  #linesWritten = 0;
  #stdout = "";
  #stderr = "";
  #words = "";
  #running = true;

  constructor(program = "ip") {
    // Without -force it would exit at the first line that fails, and a delete of what is not there is one.
    this.#child = spawn(program, ["-force", "-json", "-batch", "-"], {
      env: toolEnvironment(process.env),
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(this.#end(startFailure(program, error))));
      this.#child.once("close", (code, signal) => {
        const why = `${program} ended (${signal ?? `exit code ${code}`})`;
        resolve(this.#end(new FloatingIpError("FLOATING_IP_FAILED", why)));
      });
    });
    this.#child.stdin?.on("error", () => undefined); // a process that is gone says so by `close`
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#readOutput(text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#readErrors(text));
  }

  get running(): boolean {
    return this.#running;
  }

  /** When the oldest question without an answer was asked; null: there is none. */
  get waitingSince(): number | null {
    return this.#questions[0]?.askedAt ?? null;
  }

  /**
   * Writes `lines`, the last of them a `show`, and waits for the answer.
   * @throws FloatingIpError when the process is gone or does not take any more
   */
  ask(lines: readonly string[], now: number): Promise<IpAnswer> {
    if (!this.#running) return Promise.reject(new FloatingIpError("FLOATING_IP_FAILED", "ip has ended"));
    if (this.#questions.length >= QUESTIONS_MAX)
      return Promise.reject(new FloatingIpError("FLOATING_IP_FAILED", "ip does not answer"));
    return new Promise((settle, fail) => {
      this.#questions.push({
        lines,
        first: this.#linesWritten + 1,
        askedAt: now,
        failures: [],
        settle,
        fail,
      });
      this.#linesWritten += lines.length;
      this.#child.stdin?.write(lines.map((line) => `${line}\n`).join(""));
    });
  }

  /**
   * Ends the process at once, frozen or not, with the lines that it has not read; resolves when it is gone.
   * @returns why it ended
   */
  async kill(): Promise<string> {
    this.#child.kill("SIGKILL");
    return await this.ended;
  }

  #readOutput(text: string): void {
    this.#stdout += text;
    if (this.#stdout.length > ANSWER_BYTES_MAX) {
      this.#child.kill("SIGKILL");
      return;
    }
    for (let end = this.#stdout.indexOf("\n"); end >= 0; end = this.#stdout.indexOf("\n")) {
      const shown = parseShown(this.#stdout.slice(0, end));
      this.#stdout = this.#stdout.slice(end + 1);
      if (shown !== null) this.#finish(shown);
    }
  }

  #readErrors(text: string): void {
    const lines = (this.#stderr + text).slice(-ANSWER_BYTES_MAX).split("\n");
    this.#stderr = lines.pop() ?? "";
    for (const line of lines) {
      const number = failedLine(line);
      if (number === null) {
        this.#words = line;
        continue;
      }
      this.#fail(number, this.#words);
      this.#words = "";
    }
  }

  #fail(number: number, words: string): void {
    const question = [...this.#answered, ...this.#questions].find(
      ({ first, lines }) => number >= first && number < first + lines.length,
    );
    question?.failures.push({ line: question.lines[number - question.first] ?? "", words });
    if (question === this.#questions[0] && number === lastLine(question)) this.#finish(null);
  }

  #finish(shown: Shown | null): void {
    const question = this.#questions.shift();
    if (question === undefined) return;
    // Standard error is another pipe: what was written to it before this answer is read by the end of this turn of the loop.
    this.#answered.push(question);
    setImmediate(() => {
      this.#answered.shift();
      question.settle({ shown, failures: question.failures });
    });
  }

  #end(error: FloatingIpError): string {
    this.#running = false;
    for (const question of this.#questions.splice(0)) question.fail(error);
    return error.message;
  }
}

function lastLine(question: Question | undefined): number | null {
  return question === undefined ? null : question.first + question.lines.length - 1;
}

function startFailure(program: string, error: Error): FloatingIpError {
  return new FloatingIpError(
    "FLOATING_IP_PROGRAM",
    `cannot run ${program}: ${error.message}; the floating IP needs it (Debian package iproute2)`,
    error,
  );
}
