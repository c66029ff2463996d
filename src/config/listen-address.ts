/** One entry of `listen`: "udp://198.51.100.10:5060". */
import { bad, type Checked, good } from "./checked.ts";
import type { ListenConfig } from "./config.ts";
import { canonicalAddress, isUsableAddress } from "./ip-address.ts";
import { closest } from "./spelling.ts";

/** RFC 3261 §18.2.1 */
export const SIP_PORT = 5060;
export const LISTEN_EXPECTED = "an address such as udp://198.51.100.10:5060 or tcp://[2001:db8::1]:5060";

const SHAPE = /^([a-z]+):\/\/(\[[^\]]*\]|[^:[\]/?#]*)(?::([^/?#]*))?$/i;
const LATER: ReadonlySet<string> = new Set(["tls", "ws", "wss"]);

/** Reads one listen address; the port is 5060 where none is given. */
export function checkListen(text: string): Checked<ListenConfig> {
  const match = SHAPE.exec(text);
  if (match === null) return bad(LISTEN_EXPECTED, shapeRemedy(text));
  const [, scheme = "", hostText = "", portText] = match;
  const transport = scheme.toLowerCase();
  if (LATER.has(transport)) {
    return bad("udp:// or tcp://", `${transport} listeners are not in this version yet: use udp or tcp`);
  }
  if (transport !== "udp" && transport !== "tcp") {
    const meant = closest(transport, ["udp", "tcp"]);
    return bad("udp:// or tcp://", meant === null ? "use udp or tcp" : `did you mean ${meant}://?`);
  }
  const address = canonicalAddress(hostText.replace(/^\[|\]$/g, ""));
  if (address === null || !isUsableAddress(address)) {
    return bad(
      "a numeric address of this machine",
      "names are not resolved here: write the IP address, IPv6 in brackets",
    );
  }
  const port = portText === undefined ? SIP_PORT : portNumber(portText);
  if (port === null) return bad("a port from 1 to 65535", `5060 is usual: ${transport}://${hostText}:5060`);
  return good({ transport, address, port });
}

/** @returns 1..65535, or null */
export function portNumber(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
}

function shapeRemedy(text: string): string {
  if (!text.includes("://")) return `begin with the transport: udp://${text.replace(/^\w+:(?=[^\d])/, "")}`;
  if (text.split(":").length > 3 && !text.includes("["))
    return "put an IPv6 address in brackets: udp://[2001:db8::1]:5060";
  return "nothing may follow the port";
}
