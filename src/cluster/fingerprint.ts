/** What two nodes of a cluster must have in common: a hash over the checked configuration without a node's own keys. */
import { createHash } from "node:crypto";

/**
 * Paths of keys that may differ from node to node. Secrets are compared by the signatures of heartbeats, so that one can
 * be changed node by node. Everything else counts.
 */
const OWN_KEYS: ReadonlySet<string> = new Set([
  "node",
  "admin.listen",
  "control",
  "cdr.file",
  "log",
  "identity.secret",
  "cluster.secret",
  "cluster.fence",
  "cluster.floatingIp.addresses[].interface",
  "state",
]);

/**
 * @param config the checked configuration, plain data
 * @param shared addresses that move with the active role; a listener on another address is the node's own, and counts
 *   by its transport and port only
 * @returns 16 characters of base64url; equal for equal configurations, whatever the order of their keys
 */
export function configFingerprint(config: object, shared: ReadonlySet<string>): string {
  return createHash("sha256")
    .update(canonical(config, { path: "", shared }))
    .digest("base64url")
    .slice(0, 16);
}

/** JSON with sorted keys; lists keep their order, which means something. */
function canonical(value: unknown, at: { path: string; shared: ReadonlySet<string> }): string {
  const { path, shared } = at;
  if (Array.isArray(value))
    return `[${value.map((item) => canonical(item, { path: `${path}[]`, shared })).join(",")}]`;
  if (path === "listen[].address" && typeof value === "string" && !shared.has(value)) return '"own"';
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value)
    .map(([key, inner]) => ({ key, inner, path: path === "" ? key : `${path}.${key}` }))
    .filter(({ path: inside, inner }) => inner !== undefined && !OWN_KEYS.has(inside))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  return `{${fields.map((field) => `${JSON.stringify(field.key)}:${canonical(field.inner, { path: field.path, shared })}`).join(",")}}`;
}
