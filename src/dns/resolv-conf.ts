/**
 * resolv.conf(5): which servers, how long, how often. Its search lists are for people who type short names; the domain
 * of a SIP URI is whole (RFC 3263 §4), so they are not applied.
 */
import { numericAddress } from "./numeric.ts";
import type { DnsServer } from "./server-exchange.ts";

/** As the system's resolver bounds them. */
const TIMEOUT_S_MAX = 30;
const ATTEMPTS_MAX = 5;
/** Beyond it a list of servers only makes a failure late. */
const NAMESERVERS_MAX = 8;

const DNS_PORT = 53;

export interface ResolvConf {
  readonly servers: readonly DnsServer[];
  /** null: the file does not say. */
  readonly timeoutMs: number | null;
  readonly attempts: number | null;
}

/** Never throws: what can't be read is passed over. Without a server it is the one of this machine. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: DnsServer[] = [];
  let timeoutMs: number | null = null;
  let attempts: number | null = null;
  for (const line of text.split("\n")) {
    const [key, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (key === "nameserver") {
      const address = numericAddress(values[0] ?? "");
      if (address !== null && servers.length < NAMESERVERS_MAX) servers.push({ address, port: DNS_PORT });
    }
    if (key !== "options") continue;
    for (const option of values) {
      const [, name, digits] = /^(timeout|attempts):(\d+)$/.exec(option) ?? [];
      const number = Math.max(1, Number(digits));
      if (name === "timeout") timeoutMs = Math.min(number, TIMEOUT_S_MAX) * 1_000;
      if (name === "attempts") attempts = Math.min(number, ATTEMPTS_MAX);
    }
  }
  if (servers.length === 0) servers.push({ address: "127.0.0.1", port: DNS_PORT });
  return { servers, timeoutMs, attempts };
}
