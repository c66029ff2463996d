// A resolver in a world of its own: manual time, a zone that may change, servers that may fail or be slow.
import type { Answer, Failure } from "../../src/dns/answer.ts";
import type { DnsReply } from "../../src/dns/exchange.ts";
import type { Location, ServerQuery } from "../../src/dns/location.ts";
import { keyOf, type Question } from "../../src/dns/question.ts";
import { type DnsSettings, Resolver } from "../../src/dns/resolver.ts";
import { TimerEntry, TimerWheel } from "../../src/sip/timer/timer-wheel.ts";
import { zoneAnswer } from "./dns-zone.ts";

const SETTINGS: DnsSettings = {
  minTtlMs: 1_000,
  maxTtlMs: 3_600_000,
  negativeTtlMs: 60_000,
  staleForMs: 600_000,
  firstAnswerWithinMs: 2_000,
};

export function queryFor(host: string, parts: Partial<ServerQuery> = {}): ServerQuery {
  return { host, port: 0, transport: null, secure: false, ...parts };
}

export class DnsWorld {
  now = 1_000;
  zone = "";
  ttlS = 30;
  /** Of an answer. */
  delayMs = 10;
  /** Set: no server answers, and this is why; after `failureMs`. */
  outage: string | null = null;
  failureMs = 4_000;
  /** Set: decides about single questions; null: as the zone says. */
  fault: (question: Question) => Answer | Failure | null = () => null;
  roll = 0;
  readonly hosts = new Map<string, string[]>();
  readonly asked: { at: number; key: string }[] = [];
  readonly changes: { at: number; query: ServerQuery; location: Location }[] = [];
  outstandingMax = 0;
  readonly #wheel = new TimerWheel(this.now, 1);
  readonly resolver: Resolver;

  constructor(settings: Partial<DnsSettings> = {}) {
    const clock = {
      now: () => this.now,
      wakeAt: (at: number, wake: () => void) => {
        const entry = new TimerEntry(wake);
        this.#wheel.schedule(entry, at);
        return () => this.#wheel.cancel(entry);
      },
    };
    let outstanding = 0;
    this.resolver = new Resolver({
      clock,
      random: () => this.roll,
      exchange: {
        ask: (question, done) => {
          this.asked.push({ at: this.now, key: keyOf(question) });
          this.outstandingMax = Math.max(this.outstandingMax, ++outstanding);
          const late = this.outage === null ? this.delayMs : this.failureMs;
          clock.wakeAt(this.now + late, () => {
            outstanding--;
            done(this.#reply(question));
          });
        },
      },
      hosts: { path: "/etc/hosts", addresses: (name) => this.hosts.get(name) ?? null },
      settings: { ...SETTINGS, ...settings },
      reach: { transports: ["udp", "tcp"], families: [4, 6] },
      onChange: (query, location) => this.changes.push({ at: this.now, query, location }),
    });
  }

  #reply(question: Question): DnsReply {
    const outcome =
      this.outage === null
        ? (this.fault(question) ?? zoneAnswer(this.zone, question, this.ttlS))
        : { kind: "failure" as const, reason: this.outage };
    return { outcome, server: "192.0.2.53:53", transport: "udp", tookMs: this.delayMs };
  }

  /** Lets time go by. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now++;
      this.#wheel.advance(this.now);
    }
  }

  /** Deadlines that are running. */
  get timers(): number {
    return this.#wheel.size;
  }

  peek(host: string, parts: Partial<ServerQuery> = {}): Location | null {
    return this.resolver.peek(queryFor(host, parts));
  }

  /** Places of the servers of a name now, "priority weight transport:address:port". */
  places(host: string, parts: Partial<ServerQuery> = {}): string[] {
    return placesOf(this.peek(host, parts));
  }

  /** Questions asked since the last call. */
  takeAsked(): string[] {
    return this.asked.splice(0).map(({ key }) => key);
  }
}

export function placesOf(location: Location | null): string[] {
  return (location?.servers ?? []).map(
    ({ priority, weight, transport, address, port }) =>
      `${priority} ${weight} ${transport}:${address}:${port}`,
  );
}
