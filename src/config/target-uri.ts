/**
 * The URI of a target: "sip:10.1.0.11", "sip:192.0.2.20:5080;transport=tcp". Read here and not by the SIP parser,
 * as a target is allowed much less than a URI is, and each refusal has words of its own.
 */
import { bad, type Checked, good } from "./checked.ts";
import type { TransportConfig } from "./config.ts";
import { bracketed, canonicalAddress, isUsableAddress, isWildcard } from "./ip-address.ts";
import { portNumber, SIP_PORT } from "./listen-address.ts";

/** Where a target's URI leads. */
export interface TargetAddress {
  /** As written, without blanks around it. */
  readonly uri: string;
  readonly transport: TransportConfig;
  readonly address: string;
  readonly port: number;
  /** The URI names no transport: a request too large for UDP may go by TCP (RFC 3261 §18.1.1). */
  readonly mayUseTcp: boolean;
}

export const TARGET_EXPECTED = "a SIP URI such as sip:10.1.0.11 or sip:192.0.2.20:5080;transport=tcp";

const SHAPE = /^(\[[^\]]*\]|[^:;?[\]]*)(?::([^;?]*))?((?:;[^;?]*)*)$/;
const TRANSPORTS_LATER: ReadonlySet<string> = new Set(["tls", "ws", "wss", "sctp"]);

/** The id of a target: equal for equal transport, address and port. */
export function targetId(target: Pick<TargetAddress, "transport" | "address" | "port">): string {
  return `${target.transport}:${bracketed(target.address)}:${target.port}`;
}

/** Reads the URI of a target. Numeric hosts only: names need the resolver of a later version. */
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
  const address = checkHost(host);
  if (!address.ok) return address;
  const port = portText === undefined ? SIP_PORT : portNumber(portText);
  if (port === null) return bad("a port from 1 to 65535", `write sip:${host}:5060, or leave the port out`);
  const transport = checkTransport(params);
  if (!transport.ok) return transport;
  const named = transport.value;
  return good({
    uri: text,
    transport: named ?? "udp",
    address: address.value,
    port,
    mayUseTcp: named === null,
  });
}

function checkHost(host: string): Checked<string> {
  const inner = host.startsWith("[") ? host.slice(1, -1) : host;
  const address = canonicalAddress(inner);
  if (address === null) {
    return /^[\w.-]*[a-z][\w.-]*$/i.test(host)
      ? bad("a numeric address", "DNS names are not in this version yet: write the IP address")
      : bad("a numeric address", "mend the address: four numbers from 0 to 255, or IPv6 in brackets");
  }
  if (inner.includes(":") && !address.includes(":"))
    return bad("an IPv4 address as IPv4", `write sip:${address}`);
  if (isWildcard(address) || !isUsableAddress(address)) {
    return bad("the address of one machine", "a wildcard, multicast or broadcast address can't be called");
  }
  return good(address);
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
