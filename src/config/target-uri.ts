/**
 * The URI of a target: "sip:trunk.carrier.example", "sip:192.0.2.20:5080;transport=tcp". Read here and not by the SIP parser,
 * as a target is allowed much less than a URI is, and each refusal has words of its own.
 */
import { bad, type Checked, good } from "./checked.ts";
import type { TransportConfig } from "./config.ts";
import { isDomain } from "./domain.ts";
import { bracketed, canonicalAddress, isUsableAddress, isWildcard } from "./ip-address.ts";
import { portNumber, SIP_PORT } from "./listen-address.ts";

/** What a target's URI says of where it is; the rest is found by RFC 3263. */
export interface TargetAddress {
  /** As written, without blanks around it. */
  readonly uri: string;
  /** A canonical address, IPv6 without brackets, or a lower-case name without the dot of the root. */
  readonly host: string;
  readonly numeric: boolean;
  /** 0: none named. */
  readonly port: number;
  /** null: none named. */
  readonly transport: TransportConfig | null;
}

export const TARGET_EXPECTED = "a SIP URI such as sip:10.1.0.11 or sip:192.0.2.20:5080;transport=tcp";

const SHAPE = /^(\[[^\]]*\]|[^:;?[\]]*)(?::([^;?]*))?((?:;[^;?]*)*)$/;
const TRANSPORTS_LATER: ReadonlySet<string> = new Set(["tls", "ws", "wss", "sctp"]);

/** Equal for two URIs that lead to the same place, as far as that can be told without a resolver. */
export function placeNamed({ host, numeric, port, transport }: TargetAddress): string {
  if (!numeric) return `${transport ?? ""}:${host}:${port}`;
  return `${transport ?? "udp"}:${bracketed(host)}:${port === 0 ? SIP_PORT : port}`;
}

/** Reads the URI of a target. */
export function checkTargetUri(text: string): Checked<TargetAddress> {
  const scheme = /^([a-z]+):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "sips") return bad("a sip: URI", "sips and TLS are not in this version yet: use sip:");
  if (scheme === "tel") return bad("a sip: URI", "a tel: URI names no machine: write sip: and the address");
  if (scheme !== "sip")
    return bad(TARGET_EXPECTED, `begin with sip: as in sip:${text.replace(/^\w+:\/\//, "")}`);
  const rest = text.slice(4);
  if (rest.includes("@")) {
    return bad(
      "a SIP URI without a user part",
      `the number comes from the call: write sip:${rest.slice(rest.lastIndexOf("@") + 1)}`,
    );
  }
  if (rest.includes("?")) return bad("a SIP URI without headers", "remove the ? and what follows it");
  const match = SHAPE.exec(rest);
  if (match === null) return bad(TARGET_EXPECTED, "put an IPv6 address in brackets: sip:[2001:db8::1]:5060");
  const [, host = "", portText, params = ""] = match;
  const checked = checkHost(host);
  if (!checked.ok) return checked;
  const port = portText === undefined ? 0 : portNumber(portText);
  if (port === null) return bad("a port from 1 to 65535", `write sip:${host}:5060, or leave the port out`);
  const transport = checkTransport(params);
  if (!transport.ok) return transport;
  return good({ uri: text, ...checked.value, port, transport: transport.value });
}

function checkHost(host: string): Checked<Pick<TargetAddress, "host" | "numeric">> {
  const inner = host.startsWith("[") ? host.slice(1, -1) : host;
  const address = canonicalAddress(inner);
  if (address === null) {
    const name = host.toLowerCase();
    if (isDomain(name)) return good({ host: name.replace(/\.$/, ""), numeric: false });
    return bad(
      "an address or a domain name",
      "mend it: four numbers from 0 to 255, IPv6 in brackets, or a name of letters, digits and hyphens parted by dots",
    );
  }
  if (inner.includes(":") && !address.includes(":"))
    return bad("an IPv4 address as IPv4", `write sip:${address}`);
  if (isWildcard(address) || !isUsableAddress(address)) {
    return bad("the address of one machine", "a wildcard, multicast or broadcast address can't be called");
  }
  return good({ host: address, numeric: true });
}

/** @returns null where the URI names no transport */
function checkTransport(params: string): Checked<TransportConfig | null> {
  let named: TransportConfig | null = null;
  for (const param of params.split(";").slice(1)) {
    const [name = "", value = ""] = param.toLowerCase().split("=");
    if (name !== "transport") {
      return bad(
        "no URI parameter but transport",
        `remove ;${param}: priority and weight are keys of their own`,
      );
    }
    if (TRANSPORTS_LATER.has(value)) {
      return bad("transport=udp or transport=tcp", `${value} is not in this version yet: use udp or tcp`);
    }
    if (value !== "udp" && value !== "tcp") return bad("transport=udp or transport=tcp", "use udp or tcp");
    if (named !== null) return bad("one transport", "name the transport once");
    named = value;
  }
  return good(named);
}
