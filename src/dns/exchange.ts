/** The port to the DNS servers: one question, one reply, in bounded time. */
import type { Answer, Failure } from "./answer.ts";
import type { Question } from "./question.ts";

export interface DnsReply {
  readonly outcome: Answer | Failure;
  /** Who gave it, "10.0.0.53:53", or the path of a file; null: nobody did. */
  readonly server: string | null;
  readonly transport: "udp" | "tcp" | "file";
  readonly tookMs: number;
}

export interface DnsExchange {
  /** Asks; `done` is called once, in bounded time whatever the servers do, perhaps before `ask` returns. */
  ask(question: Question, done: (reply: DnsReply) => void): void;
}

/** Names that the machine itself knows. */
export interface HostsFile {
  readonly path: string;
  /** Lower case names; canonical addresses of both families, in the order of the file; null: not in it. */
  addresses(name: string): readonly string[] | null;
}
