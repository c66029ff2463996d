/**
 * What no key can know of another: names that must exist, addresses that must not collide, rules that can't match.
 * Reads the plain data of the file, which may be wrong in places that the schema reports: those are passed over here,
 * so that one run tells everything.
 */
import { checkCluster } from "./cluster-check.ts";
import type { ListenConfig } from "./config.ts";
import type { ConfigDocument, Fault } from "./document.ts";
import { parseDuration } from "./duration.ts";
import { describeFound, valueAt } from "./found.ts";
import { checkHealthTimes } from "./health-check.ts";
import { bracketed, familyOf, isWildcard } from "./ip-address.ts";
import { checkListen } from "./listen-address.ts";
import { asList, asMap, type GroupOutline, outline, type Report } from "./outline.ts";
import type { KeyPath } from "./problem.ts";
import { routeFaults } from "./route-check.ts";
import { placeNamed, type TargetAddress } from "./target-uri.ts";

/**
 * All faults between keys.
 * @param node name of a node whose file gives none
 */
export function crossFaults(document: ConfigDocument, node: string): Fault[] {
  const faults: Fault[] = [];
  const report: Report = (path, { expected, remedy, found }) => {
    const offset = document.valueOffset(path);
    faults.push({ path, offset, expected, found: found ?? describeFound(document, path), remedy });
  };
  const { data } = document;
  const listeners = listenersOf(data);
  checkListeners(listeners, report);
  const groups = Object.keys(asMap(valueAt(data, ["groups"]))).map((name) => outline(data, name));
  for (const group of groups) checkGroup(group, listeners, { data, report });
  checkSources(groups, { document, report });
  routeFaults(data, groups, { document, report });
  checkTimers(data, report);
  checkTtls(data, report);
  checkCluster({ data, node, listeners, report });
  checkDoubles(data, ["cluster", "secret"], report);
  checkDoubles(data, ["identity", "aliases"], report);
  checkDoubles(data, ["identity", "secret"], report);
  return faults;
}

interface Listener extends ListenConfig {
  readonly path: KeyPath;
}

function listenersOf(data: unknown): Listener[] {
  return asList(valueAt(data, ["listen"])).flatMap((entry, index) => {
    const checked = typeof entry === "string" ? checkListen(entry.trim()) : null;
    return checked?.ok ? [{ ...checked.value, path: ["listen", index] }] : [];
  });
}

function checkListeners(listeners: readonly Listener[], report: Report): void {
  for (const [index, one] of listeners.entries()) {
    const other = listeners.slice(0, index).find((earlier) => collide(earlier, one));
    if (other === undefined) continue;
    const same = other.address === one.address;
    report(one.path, {
      expected: "each address once",
      remedy: same
        ? "remove one of the two"
        : `${isWildcard(one.address) ? "it" : "the other one"} covers every address: keep one`,
    });
  }
}

function collide(a: ListenConfig, b: ListenConfig): boolean {
  if (a.transport !== b.transport || a.port !== b.port) return false;
  const wild = isWildcard(a.address) || isWildcard(b.address);
  return a.address === b.address || (wild && familyOf(a.address) === familyOf(b.address));
}

function checkGroup(
  group: GroupOutline,
  listeners: readonly Listener[],
  { data, report }: { data: unknown; report: Report },
): void {
  const path: KeyPath = ["groups", group.name];
  const value = valueAt(data, path);
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isMap && group.targetCount === 0 && group.mute) {
    report(path, {
      expected: "targets, sources or both",
      remedy: "add targets (where its calls go) or sources (who speaks as the group)",
    });
  }
  checkHealthTimes(data, path, report);
  const seen = new Set<string>();
  for (const target of group.targets) {
    const place = placeNamed(target.address);
    if (seen.has(place)) {
      report(target.path, {
        expected: "each target once in a group",
        remedy: "remove one of the two, or set its weight",
      });
    }
    seen.add(place);
    if (listeners.some((own) => place === `${own.transport}:${bracketed(own.address)}:${own.port}`)) {
      report(target.path, {
        expected: "another machine than this one",
        remedy: "the address is one of `listen`: calls would run in a circle",
      });
    }
    if (listeners.length > 0 && !listeners.some((own) => mayReach(own, target.address))) {
      const { host, numeric, transport } = target.address;
      const address = numeric ? `an ${familyOf(host) === 4 ? "IPv4" : "IPv6"} address` : "an address";
      report(target.path, {
        expected: "a target that one of the addresses in `listen` can reach",
        remedy: `add ${address} with ${transport ?? "udp"}:// to listen`,
      });
    }
  }
}

/** A name without a transport may turn out to be reached by any listener. */
function mayReach(own: ListenConfig, { host, numeric, transport }: TargetAddress): boolean {
  if (!numeric) return transport === null || own.transport === transport;
  return own.transport === (transport ?? "udp") && familyOf(own.address) === familyOf(host);
}

/** Two groups with the same network: nobody could say which of them speaks. A narrower network inside a wider one is fine. */
function checkSources(
  groups: readonly GroupOutline[],
  { document, report }: { document: ConfigDocument; report: Report },
): void {
  const owners = new Map<string, { group: string; path: KeyPath }>();
  for (const group of groups) {
    for (const { path, network, implied } of group.sources) {
      const owner = owners.get(network);
      if (owner === undefined) {
        owners.set(network, { group: group.name, path });
        continue;
      }
      const line = document.position(document.valueOffset(owner.path)).line;
      if (owner.group === group.name) {
        report(path, {
          expected: "each network once",
          remedy: `it stands on line ${line} already: remove one`,
        });
        continue;
      }
      report(path, {
        expected: "a network of this group only",
        found: `${network}, which is a source of ${owner.group} (line ${line}), too`,
        remedy: implied
          ? `without sources a group speaks from the addresses of its targets: add sources: [] to ${group.name} or to ${owner.group}`
          : "leave it to one of the two groups",
      });
    }
  }
}

function checkTimers(data: unknown, report: Report): void {
  const ms = (...path: string[]): number | null => {
    const text = valueAt(data, path);
    return typeof text === "string" ? parseDuration(text.trim()) : null;
  };
  const [t1, t2] = [ms("timers", "t1") ?? 500, ms("timers", "t2") ?? 4_000];
  const tcpIdle = ms("limits", "tcpIdle");
  if (tcpIdle !== null && tcpIdle < 64 * t1) {
    const remedy = `a connection lives at least as long as a transaction (RFC 3261 §18): ${(64 * t1) / 1_000}s or more`;
    report(["limits", "tcpIdle"], { expected: "tcpIdle no shorter than 64 times t1", remedy });
  }
  if (t2 < t1) {
    const path: KeyPath = ["timers", ms("timers", "t2") === null ? "t1" : "t2"];
    report(path, {
      expected: "t2 no shorter than t1",
      remedy: "t2 is where the doubling of t1 ends (RFC 3261 §17.1.2.2)",
    });
  }
}

function checkTtls(data: unknown, report: Report): void {
  const [minTtl = "1s", maxTtl = "1h"] = [valueAt(data, ["dns", "minTtl"]), valueAt(data, ["dns", "maxTtl"])];
  const ms = (text: unknown): number | null => (typeof text === "string" ? parseDuration(text.trim()) : null);
  const [least, most] = [ms(minTtl), ms(maxTtl)];
  if (least === null || most === null || least <= most) return;
  const path: KeyPath = ["dns", valueAt(data, ["dns", "maxTtl"]) === undefined ? "minTtl" : "maxTtl"];
  report(path, { expected: "maxTtl no shorter than minTtl", remedy: "raise maxTtl or lower minTtl" });
}

function checkDoubles(data: unknown, path: KeyPath, report: Report): void {
  const seen = new Set<unknown>();
  for (const [index, entry] of asList(valueAt(data, path)).entries()) {
    const value = typeof entry === "string" ? entry : undefined;
    if (value !== undefined && seen.has(value)) {
      report([...path, index], { expected: "each entry once", remedy: "remove one of the two" });
    }
    seen.add(value);
  }
}
