/** Rules against groups, and rules against the rules before them. */
import type { ConfigDocument } from "./document.ts";
import { valueAt } from "./found.ts";
import type { GroupOutline, Report } from "./outline.ts";
import type { KeyPath } from "./problem.ts";
import { closest } from "./spelling.ts";

interface Tools {
  readonly document: ConfigDocument;
  readonly report: Report;
}

interface Named {
  readonly path: KeyPath;
  readonly name: string;
}

/** Reports every fault of the routes. */
export function routeFaults(data: unknown, groups: readonly GroupOutline[], tools: Tools): void {
  const routes = valueAt(data, ["routes"]);
  const count = Array.isArray(routes) ? routes.length : 0;
  if (count === 0 && groups.length > 0 && (routes === undefined || Array.isArray(routes))) {
    tools.report(["routes"], {
      expected: "at least one route",
      remedy: `without a route every call is refused: add routes: [{ from: ${groups[0]?.name}, to: ... }]`,
    });
  }
  const known = new Map(groups.map((group) => [group.name, group]));
  const earlier: Rule[] = [];
  for (let index = 0; index < count; index++) {
    const from = namesAt(data, ["routes", index, "from"]);
    const to = namesAt(data, ["routes", index, "to"]);
    for (const entry of from) checkFrom(entry, known, tools.report);
    for (const entry of to) checkTo(entry, known, tools.report);
    for (const list of [from, to]) checkOnce(list, tools.report);
    const rule = ruleAt(data, index, from);
    checkReachable(rule, earlier, tools);
    earlier.push(rule);
  }
}

/** The names under a key that holds one name or a list of them. */
function namesAt(data: unknown, path: KeyPath): Named[] {
  const value = valueAt(data, path);
  if (typeof value === "string") return [{ path, name: value }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((name, index) => (typeof name === "string" ? [{ path: [...path, index], name }] : []));
}

function checkFrom({ path, name }: Named, known: ReadonlyMap<string, GroupOutline>, report: Report): void {
  const group = known.get(name);
  if (group === undefined) unknownGroup({ path, name }, known, report);
  if (!group?.mute || group.targetCount === 0) return;
  report(path, {
    expected: "a group that somebody may speak as",
    remedy: `${name} has no sources, so that the route never matches: add sources to ${name}, or take it out of from`,
  });
}

function checkTo({ path, name }: Named, known: ReadonlyMap<string, GroupOutline>, report: Report): void {
  const group = known.get(name);
  if (group === undefined) unknownGroup({ path, name }, known, report);
  if (group === undefined || group.targetCount > 0 || group.mute) return;
  report(path, {
    expected: "a group with targets",
    remedy: `add targets to ${name}: registrations are not in this version yet, so that nothing else leads there`,
  });
}

function unknownGroup({ path, name }: Named, known: ReadonlyMap<string, GroupOutline>, report: Report): void {
  const names = [...known.keys()];
  const meant = closest(name, names);
  report(path, {
    expected: "the name of a group under groups",
    remedy:
      meant === null
        ? `add the group ${name}, or use one of ${names.join(", ") || "(none yet)"}`
        : `did you mean ${meant}?`,
  });
}

function checkOnce(list: readonly Named[], report: Report): void {
  for (const [index, { path, name }] of list.entries()) {
    if (list.findIndex((other) => other.name === name) < index) {
      report(path, { expected: "each group once", remedy: "remove one of the two" });
    }
  }
}

interface Rule {
  readonly index: number;
  readonly from: ReadonlySet<string>;
  /** The conditions beside `from`, as text: equal text, equal condition; "" for none. */
  readonly conditions: readonly string[];
  readonly mayFallThrough: boolean;
}

function ruleAt(data: unknown, index: number, from: readonly Named[]): Rule {
  const conditions = ["number", "method", "host"].map((key) => {
    const value = valueAt(data, ["routes", index, key]);
    return value === undefined ? "" : JSON.stringify(value);
  });
  // A rule that rewrites lets pass what it can't rewrite: a name, a number with fewer digits than it strips.
  const mayFallThrough = ["strip", "prefix"].some(
    (key) => valueAt(data, ["routes", index, key]) !== undefined,
  );
  return { index, from: new Set(from.map(({ name }) => name)), conditions, mayFallThrough };
}

/** A rule behind one that takes everything it would take is a slip: most often the two stand in the wrong order. */
function checkReachable(rule: Rule, earlier: readonly Rule[], { document, report }: Tools): void {
  if (rule.from.size === 0) return;
  const hiding = earlier.find(
    (other) =>
      !other.mayFallThrough &&
      [...rule.from].every((name) => other.from.has(name)) &&
      other.conditions.every((condition, index) => condition === "" || condition === rule.conditions[index]),
  );
  if (hiding === undefined) return;
  const line = document.position(document.valueOffset(["routes", hiding.index])).line;
  report(["routes", rule.index], {
    expected: "a route that some call can reach",
    found: `a route behind one that takes all its calls (line ${line})`,
    remedy: `put it before the route on line ${line}, or narrow that one`,
  });
}
