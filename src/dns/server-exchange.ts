/**
 * One question to several DNS servers: each in turn with a time-out, TCP where the answer was truncated, the ones that
 * are dead last. Pure but for its ports: carriers, clock and ids are passed in.
 */
import { type Answer, type Failure, readAnswer } from "./answer.ts";
import type { Clock } from "./clock.ts";
import type { DnsExchange, DnsReply } from "./exchange.ts";
import type { Question } from "./question.ts";
import { type DnsMessage, decodeMessage, encodeQuery } from "./wire.ts";

export interface DnsServer {
  /** Canonical, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface ServerSettings {
  /** Asked in this order. */
  readonly servers: readonly DnsServer[];
  /** Of one try at one server. */
  readonly timeoutMs: number;
  /** Rounds over all servers. */
  readonly attempts: number;
}

/** Carries one query. Either callback may come before it returns; neither after `close`. */
export interface Carrier {
  /** @returns how to end it; safe to call twice */
  send(
    server: DnsServer,
    query: Buffer,
    on: { message(bytes: Buffer): void; failed(reason: string): void },
  ): () => void;
}

export interface ServerPorts {
  readonly clock: Clock;
  /** Uniform in 0..65535, not to be guessed (RFC 5452 §9.2). */
  readonly randomId: () => number;
  readonly udp: Carrier;
  readonly tcp: Carrier;
  /** Read for each question, as resolv.conf may change. */
  readonly settings: () => ServerSettings;
}

/** A server that did not answer is asked after the others for so long. */
const SUSPECT_MS = 30_000;
/** Servers whose silence is remembered: more than one list of servers has. */
const SUSPECTS_MAX = 64;

/** Datagrams and streams that were no answer to what was asked. */
export interface ExchangeCounters {
  /** No DNS message at all. */
  garbage: number;
  /** Another id or another question. */
  mismatched: number;
  truncated: number;
  timeouts: number;
}

type Transport = "udp" | "tcp";

export class ServerExchange implements DnsExchange {
  readonly counters: ExchangeCounters = { garbage: 0, mismatched: 0, truncated: 0, timeouts: 0 };
  readonly #ports: ServerPorts;
  /** From server to the time until which it is asked last. */
  readonly #suspects = new Map<string, number>();

  constructor(ports: ServerPorts) {
    this.#ports = ports;
  }

  ask(question: Question, done: (reply: DnsReply) => void): void {
    const settings = this.#ports.settings();
    const tries = Array.from({ length: settings.attempts }, () => this.#order(settings.servers)).flat();
    const inquiry = new Inquiry({ question, done, tries, timeoutMs: settings.timeoutMs }, this.#ports, {
      counters: this.counters,
      answers: (server) => this.#suspects.delete(serverName(server)),
      silent: (server) => this.#suspect(server),
    });
    inquiry.next("no DNS server is known");
  }

  #order(servers: readonly DnsServer[]): DnsServer[] {
    const now = this.#ports.clock.now();
    const isSuspect = (server: DnsServer): boolean => (this.#suspects.get(serverName(server)) ?? 0) > now;
    return [...servers.filter((server) => !isSuspect(server)), ...servers.filter(isSuspect)];
  }

  #suspect(server: DnsServer): void {
    if (this.#suspects.size >= SUSPECTS_MAX) this.#suspects.clear();
    this.#suspects.set(serverName(server), this.#ports.clock.now() + SUSPECT_MS);
  }
}

interface InquiryTask {
  readonly question: Question;
  readonly done: (reply: DnsReply) => void;
  /** Servers in the order of the tries. */
  readonly tries: readonly DnsServer[];
  readonly timeoutMs: number;
}

interface Watch {
  readonly counters: ExchangeCounters;
  answers(server: DnsServer): void;
  silent(server: DnsServer): void;
}

/** One question under way. */
class Inquiry {
  readonly #task: InquiryTask;
  readonly #ports: ServerPorts;
  readonly #watch: Watch;
  readonly #startedAt: number;
  #tried = 0;
  /** Ends the try that is under way. */
  #end: () => void = () => {};

  constructor(task: InquiryTask, ports: ServerPorts, watch: Watch) {
    this.#task = task;
    this.#ports = ports;
    this.#watch = watch;
    this.#startedAt = ports.clock.now();
  }

  /** The next try; with none left the question has failed. @param reason why the last one failed */
  next(reason: string): void {
    this.#end();
    const server = this.#task.tries[this.#tried++];
    if (server !== undefined) this.#try(server, "udp", true);
    else this.#finish({ kind: "failure", reason }, { server: null, transport: "udp" });
  }

  #try(server: DnsServer, transport: Transport, edns: boolean): void {
    this.#end();
    const { clock, udp, tcp, randomId } = this.#ports;
    const id = randomId();
    let over = false;
    let close: () => void = () => {};
    const cancelWake = clock.wakeAt(clock.now() + this.#task.timeoutMs, () => {
      this.#watch.counters.timeouts++;
      this.#failed(server, "no answer in time");
    });
    this.#end = () => {
      over = true;
      cancelWake();
      close();
    };
    close = (transport === "udp" ? udp : tcp).send(server, encodeQuery(id, this.#task.question, { edns }), {
      message: (bytes) => {
        if (over) return;
        const message = this.#check(bytes, id);
        if (message !== null) this.#read(message, { server, transport, edns });
      },
      failed: (reason) => {
        if (!over) this.#failed(server, reason);
      },
    });
    if (over) close(); // it ended before there was anything to close
  }

  #failed(server: DnsServer, reason: string): void {
    this.#watch.silent(server);
    this.next(`${serverName(server)}: ${reason}`);
  }

  /** @returns null for what is no answer to this very query (RFC 5452 §9.1): it is not even a failure */
  #check(bytes: Buffer, id: number): DnsMessage | null {
    const message = decodeMessage(bytes);
    const { counters } = this.#watch;
    if (message === null) {
      counters.garbage++;
      return null;
    }
    const { name, type } = this.#task.question;
    const { question } = message;
    if (message.response && message.id === id && question?.name === name && question.type === type)
      return message;
    counters.mismatched++;
    return null;
  }

  #read(message: DnsMessage, from: { server: DnsServer; transport: Transport; edns: boolean }): void {
    const { server, transport, edns } = from;
    this.#watch.answers(server);
    if (message.truncated && transport === "udp") {
      this.#watch.counters.truncated++;
      this.#try(server, "tcp", edns); // RFC 7766 §5
      return;
    }
    if (edns && message.rcode === "FORMERR") {
      this.#try(server, transport, false); // a server from before EDNS (RFC 6891 §7)
      return;
    }
    const outcome = readAnswer(this.#task.question, message);
    if (outcome.kind === "failure") {
      this.next(`${serverName(server)}: ${outcome.reason}`);
      return;
    }
    this.#end();
    this.#finish(outcome, { server, transport });
  }

  #finish(outcome: Answer | Failure, by: { server: DnsServer | null; transport: Transport }): void {
    const server = by.server === null ? null : serverName(by.server);
    const tookMs = this.#ports.clock.now() - this.#startedAt;
    this.#task.done({ outcome, server, transport: by.transport, tookMs });
  }
}

/** "10.0.0.53:53", "[2001:db8::53]:53" */
function serverName({ address, port }: DnsServer): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
