/**
 * The resolver: a location for each query, kept up to date while anybody wants it. The path of a call reads a
 * snapshot and waits only for a name that was never asked for. It knows nothing of health: an address that does not
 * work is its target's affair, and never its name's.
 */
import type { Clock } from "./clock.ts";
import type { DnsExchange, HostsFile } from "./exchange.ts";
import { type Explanation, explain } from "./explain.ts";
import { type Location, type ServerQuery, sameLocation } from "./location.ts";
import { locateName, locateNumeric, type Reach } from "./procedure.ts";
import { keyOf } from "./question.ts";
import type { CacheSettings } from "./record.ts";
import { RecordCache } from "./record-cache.ts";

export interface DnsSettings extends CacheSettings {
  /** How long a call waits for a name that was never asked for. */
  readonly firstAnswerWithinMs: number;
}

export interface ResolverPorts {
  readonly clock: Clock;
  /** Uniform in [0, 1): spreads refreshes. */
  readonly random: () => number;
  readonly exchange: DnsExchange;
  readonly hosts: HostsFile;
  readonly settings: DnsSettings;
  /** What of the network can be used; other addresses are not even asked for. */
  readonly reach: Reach;
  /** Told each time the servers behind a query, or their standing, have changed. */
  readonly onChange: (query: ServerQuery, location: Location) => void;
}

/** Names that nobody follows: those of routes and contacts. Beyond it the one that was idle longest is forgotten. */
export const NAMES_MAX = 1_024;
/** Calls that wait for a first answer; one more goes without. */
export const WAITING_MAX = 10_000;
/** A name that nobody follows is kept up to date until nobody has asked for it this long. */
const SWEEP_MS = 60_000;
const IDLE_SWEEPS_MAX = 10;

interface Waiter {
  readonly done: (location: Location | null) => void;
  cancelWake: () => void;
}

interface Entry {
  readonly query: ServerQuery;
  location: Location | null;
  /** Keys of the cached questions that it stands on. */
  uses: ReadonlySet<string>;
  followers: number;
  /** Asked for since the last sweep. */
  used: boolean;
  idleSweeps: number;
  readonly waiters: Set<Waiter>;
}

/** A name as the resolver knows it, for people to see. */
export interface KnownName {
  readonly query: ServerQuery;
  /** null: the first answer is still to come. */
  readonly location: Location | null;
  readonly followed: boolean;
}

export class Resolver {
  readonly #ports: ResolverPorts;
  readonly #records: RecordCache<Entry>;
  readonly #byHost = new Map<string, Entry[]>();
  readonly #dirty = new Set<Entry>();
  #evaluating = false;
  #unfollowed = 0;
  #waiting = 0;
  #cancelSweep: (() => void) | null = null;

  constructor(ports: ResolverPorts) {
    this.#ports = ports;
    this.#records = new RecordCache(ports, (entries) => {
      for (const entry of entries) this.#dirty.add(entry);
      this.#evaluate();
    });
  }

  /** Questions to DNS servers that are under way. */
  get outstanding(): number {
    return this.#records.outstanding;
  }

  /** Cached questions. */
  get records(): number {
    return this.#records.size;
  }

  /**
   * The servers as far as they are known now. Never waits; allocates nothing for a name that is known.
   * @returns null where the query was never asked: a look-up has been started
   */
  peek(query: ServerQuery): Location | null {
    const known = this.#find(query);
    if (known !== null) {
      known.used = true;
      return known.location;
    }
    return locateNumeric(query, this.#ports.reach) ?? this.#begin(query).location;
  }

  /**
   * Finds the servers. `done` is called once: at once where a location is known, else when one is, with null after
   * `firstAnswerWithinMs`.
   */
  locate(query: ServerQuery, done: (location: Location | null) => void): void {
    const location = this.peek(query);
    const entry = this.#find(query);
    if (location !== null || entry === null || this.#waiting >= WAITING_MAX) {
      done(location);
      return;
    }
    const { clock, settings } = this.#ports;
    const waiter: Waiter = { done, cancelWake: () => {} };
    this.#waiting++;
    entry.waiters.add(waiter);
    waiter.cancelWake = clock.wakeAt(clock.now() + settings.firstAnswerWithinMs, () => {
      this.#waiting--;
      entry.waiters.delete(waiter);
      done(null);
    });
  }

  /** Keeps the query in the cache, used or not, until the returned function is called; that is safe to call twice. */
  follow(query: ServerQuery): () => void {
    if (locateNumeric(query, this.#ports.reach) !== null) return () => {};
    const entry = this.#find(query) ?? this.#begin(query);
    if (entry.followers++ === 0) this.#unfollowed--;
    let following = true;
    return () => {
      if (!following) return;
      following = false;
      entry.used = true;
      entry.idleSweeps = 0;
      if (--entry.followers === 0) this.#addUnfollowed(entry);
    };
  }

  /** Asks everything anew, past the cache, and tells each step. */
  explain(query: ServerQuery): Promise<Explanation> {
    return explain(query, this.#ports);
  }

  /** All names of the cache. */
  known(): KnownName[] {
    return [...this.#byHost.values()]
      .flat()
      .map(({ query, location, followers }) => ({ query, location, followed: followers > 0 }));
  }

  /** Forgets everything; whoever waits is told that nothing is known. */
  close(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = null;
    for (const entry of this.#entries()) {
      this.#forget(entry);
      this.#tellWaiters(entry, null);
    }
    this.#unfollowed = 0;
    this.#records.close();
  }

  #find({ host, port, transport, secure }: ServerQuery): Entry | null {
    const entries = this.#byHost.get(host);
    if (entries === undefined) return null;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index];
      if (entry === undefined) continue;
      const { query } = entry;
      if (query.port === port && query.transport === transport && query.secure === secure) return entry;
    }
    return null;
  }

  #entries(): Entry[] {
    return [...this.#byHost.values()].flat();
  }

  #begin({ host, port, transport, secure }: ServerQuery): Entry {
    const entry: Entry = {
      query: { host, port, transport, secure },
      location: null,
      uses: new Set(),
      followers: 0,
      used: true,
      idleSweeps: 0,
      waiters: new Set(),
    };
    const entries = this.#byHost.get(host);
    if (entries === undefined) this.#byHost.set(host, [entry]);
    else entries.push(entry);
    this.#addUnfollowed(entry);
    this.#dirty.add(entry);
    this.#evaluate();
    return entry;
  }

  #addUnfollowed(entry: Entry): void {
    this.#unfollowed++;
    if (this.#unfollowed > NAMES_MAX) this.#forgetIdlest(entry);
    if (this.#cancelSweep === null) this.#planSweep();
  }

  #forgetIdlest(except: Entry): void {
    let idlest: Entry | null = null;
    for (const entry of this.#entries()) {
      if (entry.followers > 0 || entry === except) continue;
      if (idlest === null || idleness(entry) > idleness(idlest)) idlest = entry;
    }
    if (idlest === null) return;
    this.#forget(idlest);
    this.#unfollowed--;
    this.#tellWaiters(idlest, null);
  }

  #planSweep(): void {
    const { clock } = this.#ports;
    this.#cancelSweep = clock.wakeAt(clock.now() + SWEEP_MS, () => {
      this.#cancelSweep = null;
      for (const entry of this.#entries()) {
        if (entry.followers > 0) continue;
        entry.idleSweeps = entry.used ? 0 : entry.idleSweeps + 1;
        entry.used = false;
        if (entry.idleSweeps < IDLE_SWEEPS_MAX) continue;
        this.#forget(entry);
        this.#unfollowed--;
      }
      if (this.#unfollowed > 0) this.#planSweep();
    });
  }

  #forget(entry: Entry): void {
    const { host } = entry.query;
    const rest = (this.#byHost.get(host) ?? []).filter((each) => each !== entry);
    if (rest.length === 0) this.#byHost.delete(host);
    else this.#byHost.set(host, rest);
    this.#dirty.delete(entry);
    for (const key of entry.uses) this.#records.release(key, entry);
  }

  /** Runs the procedure for each entry whose answers have changed. An answer may come while it runs. */
  #evaluate(): void {
    if (this.#evaluating) return;
    this.#evaluating = true;
    try {
      for (const entry of this.#dirty) {
        this.#dirty.delete(entry);
        this.#locate(entry);
      }
    } finally {
      this.#evaluating = false;
    }
  }

  #locate(entry: Entry): void {
    const uses = new Set<string>();
    const { reach, hosts, onChange } = this.#ports;
    const found = locateName(entry.query, {
      look: (question) => {
        uses.add(keyOf(question));
        return this.#records.use(question, entry);
      },
      reach,
      inHosts: (name) => hosts.addresses(name) !== null,
    });
    const before = entry.uses;
    entry.uses = uses;
    for (const key of before) if (!uses.has(key)) this.#records.release(key, entry);
    for (const key of uses) if (!before.has(key)) this.#records.wake(key);
    const old = entry.location;
    const location = found ?? this.#outlived(old);
    if (location === null) return; // the old one serves until the new one is whole
    entry.location = location;
    if (old === null || !sameLocation(old, location)) onChange(entry.query, location);
    this.#tellWaiters(entry, location);
  }

  /** What takes the place of a location that has been stale for too long while the new one is still asked for. */
  #outlived(old: Location | null): Location | null {
    const { clock, settings } = this.#ports;
    const now = clock.now();
    if (old === null || old.staleSinceMs === null || now - old.staleSinceMs < settings.staleForMs)
      return null;
    return { servers: [], status: "failed", staleSinceMs: null, expiresAt: now, reason: old.reason };
  }

  #tellWaiters(entry: Entry, location: Location | null): void {
    for (const waiter of entry.waiters) {
      entry.waiters.delete(waiter);
      this.#waiting--;
      waiter.cancelWake();
      waiter.done(location);
    }
  }
}

/** The used ones last. */
function idleness({ used, idleSweeps }: Entry): number {
  return used ? -1 : idleSweeps;
}
