/** One entry of `identity.aliases`: a domain or an address that is also us, with or without a port. */
import { bad, type Checked, good } from "./checked.ts";
import { isDomain } from "./domain.ts";
import { bracketed, canonicalAddress } from "./ip-address.ts";
import { portNumber } from "./listen-address.ts";

const SHAPE = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/;

/** @returns the host as it stands in a URI (lower case, IPv6 in brackets), then `:port` where one was given */
export function checkAlias(text: string): Checked<string> {
  const expected =
    "a domain or an address, with or without a port, such as edge.example.com or 198.51.100.10:5060";
  const bare = canonicalAddress(text);
  if (bare !== null) return good(bracketed(bare));
  if (/^(sips?|tel):/i.test(text)) return bad(expected, "leave the scheme out");
  if (text.includes("@")) return bad(expected, "leave the user part out: a host is us, or it isn't");
  const match = SHAPE.exec(text);
  if (match === null) return bad(expected, "put an IPv6 address in brackets: [2001:db8::1]:5060");
  const [, hostText = "", portText] = match;
  const host = checkHost(hostText);
  if (host === null) return bad(expected, "mend the name: letters, digits and hyphens, parted by dots");
  if (portText === undefined) return good(host);
  const port = portNumber(portText);
  return port === null
    ? bad("a port from 1 to 65535", `leave it out to mean every port of ${host}`)
    : good(`${host}:${port}`);
}

function checkHost(text: string): string | null {
  const address = canonicalAddress(text.startsWith("[") ? text.slice(1, -1) : text);
  if (address !== null) return bracketed(address);
  const domain = text.toLowerCase();
  return isDomain(domain) ? domain : null;
}
