/**
 * What the keys of `cluster` demand of each other and of the rest of the file. Reads plain data that may be wrong in places which
 * the schema reports: those are passed over.
 */
import { checkFloatingAddress } from "./cluster-schema.ts";
import type { ListenConfig } from "./config.ts";
import { parseDuration } from "./duration.ts";
import { valueAt } from "./found.ts";
import { isWildcard } from "./ip-address.ts";
import { asList, asMap, type Report } from "./outline.ts";
import type { KeyPath } from "./problem.ts";

interface Listener extends ListenConfig {
  readonly path: KeyPath;
}

interface Around {
  readonly data: unknown;
  /** Name of a node whose file gives none. */
  readonly node: string;
  readonly listeners: readonly Listener[];
  readonly report: Report;
}

export function checkCluster(around: Around): void {
  const { data, report } = around;
  const cluster = valueAt(data, ["cluster"]);
  if (typeof cluster !== "object" || cluster === null || Array.isArray(cluster)) return;
  if (valueAt(data, ["redis"]) === undefined) {
    report(["cluster"], {
      expected: "a cluster with redis",
      found: "no key redis",
      remedy: "add redis: { url: redis://10.0.0.5:6379 }: the lease and the calls of a cluster live there",
    });
  }
  checkNodes(around);
  checkTimes(data, report);
  checkFloatingIps(around);
}

/** Every path has every node, this one among them. */
function checkNodes({ data, node: fallback, report }: Around): void {
  const own = valueAt(data, ["node"]) ?? fallback;
  const paths = asList(valueAt(data, ["cluster", "paths"]));
  const nodes = Object.keys(asMap(paths[0]));
  for (const [index, path] of paths.entries()) {
    const at: KeyPath = ["cluster", "paths", index];
    const names = Object.keys(asMap(path));
    if (names.length === 0) continue;
    if (typeof own === "string" && !names.includes(own)) {
      report(at, {
        expected: `an address of this node, ${own}, in each path`,
        remedy: `add ${own}, or set node to one of ${names.join(", ")}`,
      });
    }
    const other = nodes.find((name) => !names.includes(name)) ?? names.find((name) => !nodes.includes(name));
    if (other !== undefined && other !== own)
      report(at, { expected: "the same nodes in each path", remedy: `name ${other} in all of them` });
    if (names.length < 2)
      report(at, { expected: "two nodes or more", remedy: "add the other node, or remove cluster" });
  }
  for (const name of Object.keys(asMap(valueAt(data, ["cluster", "priority"])))) {
    if (nodes.length === 0 || nodes.includes(name)) continue;
    report(["cluster", "priority", name], {
      expected: "a node of the paths",
      remedy: `use one of ${nodes.join(", ")}`,
    });
  }
}

/** As `settingsFaults` of src/cluster/settings.ts has it: what would make the rules unsafe. */
function checkTimes(data: unknown, report: Report): void {
  const ms = (path: KeyPath, fallback: number): number => {
    const text = valueAt(data, path);
    return (typeof text === "string" ? parseDuration(text.trim()) : null) ?? fallback;
  };
  const at = (...keys: string[]): KeyPath => ["cluster", ...keys];
  const interval = ms(at("heartbeat", "interval"), 100);
  const deadAfter = ms(at("heartbeat", "deadAfter"), 300);
  const ttl = ms(at("lease", "ttl"), 400);
  const renew = ms(at("lease", "renew"), 100);
  const told = (path: KeyPath, other: KeyPath): KeyPath => (valueAt(data, path) === undefined ? other : path);
  if (deadAfter > ttl) {
    report(told(at("heartbeat", "deadAfter"), at("lease", "ttl")), {
      expected: "deadAfter no longer than the ttl of the lease",
      remedy: "who counts as lost must have lost its lease soon after: lower deadAfter, or raise lease.ttl",
    });
  }
  if (interval * 2 > deadAfter) {
    report(told(at("heartbeat", "interval"), at("heartbeat", "deadAfter")), {
      expected: "interval at most half of deadAfter",
      remedy: "one lost datagram is no dead node: lower interval, or raise deadAfter",
    });
  }
  if (renew * 3 > ttl) {
    report(told(at("lease", "renew"), at("lease", "ttl")), {
      expected: "renew at most a third of ttl",
      remedy: "a standby needs three looks at the lease in it: lower renew, or raise ttl",
    });
  }
}

function checkFloatingIps({ data, listeners, report }: Around): void {
  const path: KeyPath = ["cluster", "floatingIp"];
  const value = valueAt(data, path);
  const entries = Array.isArray(value)
    ? value.map((entry, index) => ({ entry: asMap(entry), at: [...path, index] }))
    : [{ entry: asMap(value), at: path }];
  const addresses = new Set<string>();
  for (const { entry, at } of entries) {
    const checked =
      typeof entry["address"] === "string" ? checkFloatingAddress(entry["address"].trim()) : null;
    if (checked?.ok && addresses.has(checked.value))
      report([...at, "address"], { expected: "each address once", remedy: "remove one of the two" });
    if (checked?.ok) addresses.add(checked.value);
    checkDriver(entry, at, report);
    const differs = ["driver", "lifetime", "command", "timeout", "tries"].find(
      (key) => JSON.stringify(entry[key]) !== JSON.stringify(entries[0]?.entry[key]),
    );
    if (differs !== undefined) {
      report(entry[differs] === undefined ? at : [...at, differs], {
        expected: `the same ${differs} for every floating IP`,
        remedy: "they come and go together: write the same in each entry",
      });
    }
  }
  const hasWitnesses = asList(valueAt(data, ["cluster", "witnesses"])).length > 0;
  if (hasWitnesses && entries.every(({ entry }) => entry["interface"] === undefined)) {
    report(["cluster", "witnesses"], {
      expected: "witnesses on the interface of a floating IP",
      remedy: "add interface to floatingIp: it is there that they are asked",
    });
  }
  if (addresses.size > 0 && listeners.length > 0) checkListeners(addresses, listeners, report);
}

function checkDriver(entry: Readonly<Record<string, unknown>>, at: KeyPath, report: Report): void {
  const driver = entry["driver"] ?? "linux";
  if (driver === "linux" && entry["interface"] === undefined && entry["address"] !== undefined)
    report(at, { expected: "the interface that the address is put on", remedy: "add interface: eth0" });
  if (driver === "script" && entry["command"] === undefined)
    report(at, {
      expected: "the command of the driver script",
      remedy: "add command: [/etc/tandem/move-address.sh]",
    });
  if (driver !== "script" && entry["command"] !== undefined)
    report([...at, "command"], {
      expected: "a command only with driver: script",
      remedy: "set driver: script, or remove it",
    });
}

function checkListeners(floating: ReadonlySet<string>, listeners: readonly Listener[], report: Report): void {
  for (const { address, path } of listeners) {
    if (!isWildcard(address)) continue;
    report(path, {
      expected: "a floating IP or an address of this node",
      remedy: `a wildcard would answer from the node's own address: write ${[...floating].join(" or ")}`,
    });
  }
  const served = listeners.some(({ transport, address }) => transport === "udp" && floating.has(address));
  if (served || listeners.some(({ address }) => isWildcard(address))) return;
  report(["listen"], {
    expected: "udp:// on a floating IP",
    remedy: `add udp://${[...floating][0]}:5060: it is there that callers, and the other nodes, look for the one that serves`,
  });
}
