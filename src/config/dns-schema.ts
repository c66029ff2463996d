/** The shape of `dns`: which servers are asked, and how long their answers hold. */
import { bad, type Checked, good } from "./checked.ts";
import type { DnsServerConfig } from "./config.ts";
import { canonicalAddress, isUsableAddress, isWildcard } from "./ip-address.ts";
import { portNumber } from "./listen-address.ts";
import { duration, keys, listOf, readBy, whole } from "./scalar.ts";

/** Beyond it a list of servers only makes a failure late. */
export const DNS_SERVERS_MAX = 8;

const DNS_PORT = 53;
const SERVER_EXPECTED = "the address of a DNS server such as 10.0.0.53 or [2001:db8::53]:53";
const SHAPE = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/;

/** Reads one of `dns.servers`; the port is 53 where none is given. */
function checkDnsServer(text: string): Checked<DnsServerConfig> {
  const bare = canonicalAddress(text);
  const [, inner, plain, portText] = bare === null ? (SHAPE.exec(text) ?? []) : [];
  const address = bare ?? canonicalAddress(inner ?? plain ?? "");
  if (address === null) {
    return bad(
      SERVER_EXPECTED,
      "write its IP address, IPv6 with a port in brackets: a name could not be resolved yet",
    );
  }
  if (isWildcard(address) || !isUsableAddress(address)) {
    return bad(SERVER_EXPECTED, "a wildcard, multicast or broadcast address can't be asked");
  }
  const port = portText === undefined ? DNS_PORT : portNumber(portText);
  return port === null
    ? bad("a port from 1 to 65535", "53 is usual: leave the port out")
    : good({ address, port });
}

export const dnsSchema = keys(
  {
    servers: listOf(readBy(checkDnsServer, { expected: SERVER_EXPECTED, example: "10.0.0.53" }), {
      expected: "a list of DNS servers",
      min: 0,
      max: DNS_SERVERS_MAX,
    })
      .prefault([])
      .describe("DNS servers, asked in this order. Default: those of /etc/resolv.conf."),
    timeout: duration({ min: "50ms", max: "30s", example: "1s" })
      .optional()
      .describe("Time of one try at one server. Default: that of /etc/resolv.conf, or 1s."),
    attempts: whole({ min: 1, max: 5, example: 2 })
      .optional()
      .describe("Rounds over all servers. Default: that of /etc/resolv.conf, or 2."),
    minTtl: duration({ min: "100ms", max: "1h", example: "1s" })
      .prefault("1s")
      .describe("An answer is used at least so long, whatever its TTL."),
    maxTtl: duration({ min: "1s", max: "168h", example: "1h" })
      .prefault("1h")
      .describe("An answer is used at most so long before it is asked for again."),
    negativeTtl: duration({ min: "1s", max: "3h", example: "1m" })
      .prefault("1m")
      .describe("That there is no such name or record is believed at most so long (RFC 2308)."),
    staleFor: duration({ min: "0ms", max: "168h", example: "24h" })
      .prefault("24h")
      .describe("An expired answer is used so long while no server gives a new one (RFC 8767)."),
    firstAnswerWithin: duration({ min: "100ms", max: "30s", example: "2s" })
      .prefault("2s")
      .describe("A call waits at most so long for a name that was never asked for."),
  },
  "a map of dns keys",
);
