// RFC 3263 §4.1, §4.2 and RFC 2782, each rule with a zone and where the servers are by it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALIASES_MAX } from "../../../src/dns/answer.ts";
import type { Known } from "../../../src/dns/chase.ts";
import type { Location, ServerQuery } from "../../../src/dns/location.ts";
import {
  locateName,
  locateNumeric,
  type Reach,
  SERVERS_MAX,
  SRV_RECORDS_MAX,
} from "../../../src/dns/procedure.ts";
import { keyOf, type Question } from "../../../src/dns/question.ts";
import { placesOf, queryFor } from "../../support/dns-world.ts";
import { zoneAnswer } from "../../support/dns-zone.ts";

const BOTH: Reach = { transports: ["udp", "tcp"], families: [4, 6] };

interface World {
  zone: string;
  reach?: Reach;
  /** Keys of questions that no server answers. */
  failing?: readonly string[];
  hosts?: readonly string[];
}

function locate(query: ServerQuery, world: World): { location: Location | null; asked: string[] } {
  const asked = new Set<string>();
  const look = (question: Question): Known => {
    asked.add(keyOf(question));
    const failed = world.failing?.includes(keyOf(question)) ?? false;
    if (failed) return { answer: { kind: "failure" }, stale: false, expiresAt: 9_000, failure: "SERVFAIL" };
    const answer = zoneAnswer(world.zone, question);
    return { answer, stale: false, expiresAt: 30_000, failure: null };
  };
  const inHosts = (name: string): boolean => world.hosts?.includes(name) ?? false;
  return { location: locateName(query, { look, reach: world.reach ?? BOTH, inHosts }), asked: [...asked] };
}

const NAPTR_ZONE = `
  example NAPTR 20 10 s SIP+D2T _sip._tcp.example
  example NAPTR 10 20 s SIP+D2U _sip._udp.b.example
  example NAPTR 10 10 s SIP+D2U _sip._udp.example
  example NAPTR 5 10 s SIPS+D2T _sips._tcp.example
  example NAPTR 6 10 s E2U+sip x.example
  example NAPTR 7 10 u SIP+D2U y.example
  _sip._udp.example SRV 10 70 5060 a.example
  _sip._udp.example SRV 20 0 5061 b.example
  _sip._udp.b.example SRV 1 1 5062 b.example
  _sip._tcp.example SRV 0 0 5060 a.example
  a.example A 192.0.2.1
  b.example A 192.0.2.2
  b.example AAAA 2001:db8::2`;

const TIER = 65_536;

const rows: ({
  name: string;
  query: ServerQuery;
  places: string[];
  status?: string;
  reason?: RegExp;
  asked?: string[];
} & World)[] = [
  {
    name: "§4.1 NAPTR by order, then preference; services that are not spoken are passed over (kamailio PR 2290)",
    query: queryFor("example"),
    zone: NAPTR_ZONE,
    places: [
      "10 70 udp:192.0.2.1:5060",
      "20 0 udp:192.0.2.2:5061",
      "20 0 udp:[v6]:5061",
      `${TIER + 1} 0.5 udp:192.0.2.2:5062`,
      `${TIER + 1} 0.5 udp:[v6]:5062`,
      `${2 * TIER} 0 tcp:192.0.2.1:5060`,
    ],
  },
  {
    name: "§4.1 NAPTR with nothing that is spoken here: not offered, no plain look-up after it (freeswitch #2144)",
    query: queryFor("example"),
    zone: "example NAPTR 5 10 s SIPS+D2T _sips._tcp.example\nexample A 192.0.2.9",
    places: [],
    status: "not-offered",
    reason: /offers SIPS\+D2T, none of which/,
    asked: ["NAPTR example"],
  },
  {
    name: "§4.1 a transport that is not listened on is passed over",
    query: queryFor("example"),
    zone: NAPTR_ZONE,
    reach: { transports: ["tcp"], families: [4] },
    places: [`0 0 tcp:192.0.2.1:5060`],
  },
  {
    name: "§4.1 no NAPTR: SRV of each transport, UDP first",
    query: queryFor("example"),
    zone: `_sip._udp.example SRV 10 1 5060 a.example\n_sip._tcp.example SRV 5 1 5070 a.example\na.example A 192.0.2.1`,
    places: ["10 1 udp:192.0.2.1:5060", `${TIER + 5} 1 tcp:192.0.2.1:5070`],
    asked: [
      "NAPTR example",
      "SRV _sip._udp.example",
      "SRV _sip._tcp.example",
      "A a.example",
      "AAAA a.example",
    ],
  },
  {
    name: "§4.1 NAPTR that no server answers hides nothing of SRV",
    query: queryFor("example"),
    zone: `_sip._udp.example SRV 10 1 5060 a.example\na.example A 192.0.2.1`,
    failing: ["NAPTR example"],
    places: ["10 1 udp:192.0.2.1:5060"],
  },
  {
    name: "§4.1 neither NAPTR nor SRV: addresses, UDP, 5060",
    query: queryFor("example"),
    zone: "example A 192.0.2.1\nexample AAAA 2001:db8::1",
    places: ["0 1 udp:192.0.2.1:5060", "0 1 udp:[v6]:5060"],
  },
  {
    name: "§4.1 a transport in the URI: its SRV, no NAPTR",
    query: queryFor("example", { transport: "tcp" }),
    zone: NAPTR_ZONE,
    places: ["0 0 tcp:192.0.2.1:5060"],
    asked: ["SRV _sip._tcp.example", "A a.example", "AAAA a.example"],
  },
  {
    name: "§4.2 a transport in the URI and no SRV: addresses by that transport",
    query: queryFor("example", { transport: "tcp" }),
    zone: "example A 192.0.2.1",
    places: ["0 1 tcp:192.0.2.1:5060"],
  },
  {
    name: "§4.2 a port in the URI: addresses alone, UDP",
    query: queryFor("example", { port: 5080 }),
    zone: `${NAPTR_ZONE}\nexample A 192.0.2.1`,
    places: ["0 1 udp:192.0.2.1:5080"],
    asked: ["A example", "AAAA example"],
  },
  {
    name: "§4.2 port and transport in the URI",
    query: queryFor("example", { port: 5080, transport: "tcp" }),
    zone: "example A 192.0.2.1",
    places: ["0 1 tcp:192.0.2.1:5080"],
  },
  {
    name: "RFC 2782: the one target '.' means that the service is not offered, and no address is looked up",
    query: queryFor("example", { transport: "udp" }),
    zone: "_sip._udp.example SRV 0 0 0 .\nexample A 192.0.2.9",
    places: [],
    status: "not-offered",
    asked: ["SRV _sip._udp.example"],
  },
  {
    name: "'.' for one transport leaves the other one",
    query: queryFor("example"),
    zone: "_sip._udp.example SRV 0 0 0 .\n_sip._tcp.example SRV 1 2 5060 a.example\na.example A 192.0.2.1",
    places: [`${TIER + 1} 2 tcp:192.0.2.1:5060`],
  },
  {
    name: "'.' for UDP and no SRV for TCP: not offered, as the plain address would be UDP",
    query: queryFor("example"),
    zone: "_sip._udp.example SRV 0 0 0 .\nexample A 192.0.2.9",
    places: [],
    status: "not-offered",
  },
  {
    name: "SRV that no server answers is no reason to send to the host itself",
    query: queryFor("example", { transport: "udp" }),
    zone: "example A 192.0.2.9",
    failing: ["SRV _sip._udp.example"],
    places: [],
    status: "failed",
    reason: /SRV of _sip\._udp\.example: SERVFAIL/,
  },
  {
    name: "all SRV records are used (kamailio #1743, #2376), equal places once with their weights added",
    query: queryFor("example", { transport: "udp" }),
    zone: `_sip._udp.example SRV 10 70 5060 a.example
      _sip._udp.example SRV 10 20 5060 b.example
      _sip._udp.example SRV 10 10 5060 c.example
      _sip._udp.example SRV 30 1 5060 a.example
      a.example A 192.0.2.1\nb.example A 192.0.2.2\nc.example A 192.0.2.2`,
    places: ["10 70 udp:192.0.2.1:5060", "10 30 udp:192.0.2.2:5060"],
  },
  {
    name: "an SRV target that does not resolve hides nothing of the others",
    query: queryFor("example", { transport: "udp" }),
    zone: `_sip._udp.example SRV 10 1 5060 gone.example
      _sip._udp.example SRV 20 1 5060 mute.example
      _sip._udp.example SRV 30 1 5060 a.example\na.example A 192.0.2.1`,
    failing: ["A mute.example", "AAAA mute.example"],
    places: ["30 1 udp:192.0.2.1:5060"],
  },
  {
    name: "no SRV target resolves: failed, and the reason says which",
    query: queryFor("example", { transport: "udp" }),
    zone: "_sip._udp.example SRV 10 1 5060 gone.example\nexample A 192.0.2.9",
    places: [],
    status: "failed",
    reason: /^gone\.example does not exist$/,
  },
  {
    name: "AAAA that no server answers hides nothing of A",
    query: queryFor("example", { port: 5060 }),
    zone: "example A 192.0.2.1",
    failing: ["AAAA example"],
    places: ["0 1 udp:192.0.2.1:5060"],
  },
  {
    name: "families that are not listened on are not asked for",
    query: queryFor("example", { port: 5060 }),
    zone: "example A 192.0.2.1\nexample AAAA 2001:db8::1",
    reach: { transports: ["udp"], families: [6] },
    places: ["0 1 udp:[v6]:5060"],
    asked: ["AAAA example"],
  },
  {
    name: "CNAMEs are followed, for SRV and for addresses",
    query: queryFor("example", { transport: "udp" }),
    zone: `_sip._udp.example CNAME srv.b.example
      srv.b.example SRV 1 1 5060 a.example
      a.example CNAME a2.example\na2.example CNAME a3.example\na3.example A 192.0.2.3`,
    places: ["1 1 udp:192.0.2.3:5060"],
  },
  {
    name: "a CNAME loop over several answers ends",
    query: queryFor("example", { port: 5060 }),
    zone: "example CNAME b.example\nb.example CNAME c.example\nc.example CNAME example",
    places: [],
    status: "failed",
    reason: /CNAME loop at example/,
  },
  {
    name: "no such name",
    query: queryFor("example", { port: 5060 }),
    zone: "",
    places: [],
    status: "failed",
    reason: /^example does not exist$/,
  },
  {
    name: "a name of the hosts file is asked for addresses alone",
    query: queryFor("pbx"),
    zone: "pbx A 10.0.0.1\n_sip._udp.pbx SRV 0 0 9 x",
    hosts: ["pbx"],
    places: ["0 1 udp:10.0.0.1:5060"],
    asked: ["A pbx", "AAAA pbx"],
  },
  {
    name: "sips: TLS alone, and TLS is not spoken here: nothing is asked",
    query: queryFor("example", { secure: true }),
    zone: NAPTR_ZONE,
    places: [],
    status: "not-offered",
    reason: /TLS/,
    asked: [],
  },
  {
    name: "a transport that is not listened on",
    query: queryFor("example", { transport: "tcp" }),
    zone: NAPTR_ZONE,
    reach: { transports: ["udp"], families: [4] },
    places: [],
    status: "not-offered",
    asked: [],
  },
  {
    name: "a name with letters that DNS has not",
    query: queryFor("ex ample"),
    zone: "",
    places: [],
    status: "failed",
    asked: [],
  },
  {
    name: "a label of 63 characters is asked for",
    query: queryFor(`${"a".repeat(63)}.example`, { port: 1 }),
    zone: `${"a".repeat(63)}.example A 192.0.2.1`,
    places: ["0 1 udp:192.0.2.1:1"],
  },
  {
    name: "a label of 64 is not",
    query: queryFor(`${"a".repeat(64)}.example`, { port: 1 }),
    zone: "",
    places: [],
    status: "failed",
    asked: [],
  },
  {
    name: "a name of 253 characters is asked for",
    query: queryFor(`${"abc.".repeat(63)}a`, { port: 1 }),
    zone: `${"abc.".repeat(63)}a A 192.0.2.1`,
    places: ["0 1 udp:192.0.2.1:1"],
  },
  {
    name: "a name of 254 is not",
    query: queryFor(`${"abc.".repeat(63)}ab`, { port: 1 }),
    zone: "",
    places: [],
    status: "failed",
    asked: [],
  },
];

describe("RFC 3263 §4", () => {
  for (const { name, query, places, status, reason, asked, ...world } of rows) {
    test(name, () => {
      const found = locate(query, world);
      const spelled = placesOf(found.location).map((place) => place.replace(/:2001:db8::\d:/, ":[v6]:"));
      assert.deepEqual(spelled, places);
      assert.equal(found.location?.status, status ?? "fresh");
      if (reason !== undefined) assert.match(found.location?.reason ?? "", reason);
      if (asked !== undefined) assert.deepEqual(found.asked.sort(), [...asked].sort());
    });
  }

  test("nothing is said while an answer is missing", () => {
    const look = (): Known => ({ answer: null, stale: false, expiresAt: 0, failure: null });
    assert.equal(locateName(queryFor("example"), { look, reach: BOTH, inHosts: () => false }), null);
  });
});

describe("numeric hosts", () => {
  const numeric: { name: string; query: ServerQuery; places: string[]; status: string }[] = [
    {
      name: "UDP and 5060",
      query: queryFor("192.0.2.1"),
      places: ["0 1 udp:192.0.2.1:5060"],
      status: "fresh",
    },
    {
      name: "as the URI says",
      query: queryFor("192.0.2.1", { port: 5080, transport: "tcp" }),
      places: ["0 1 tcp:192.0.2.1:5080"],
      status: "fresh",
    },
    {
      name: "IPv6 in one spelling",
      query: queryFor("2001:DB8:0:0::1"),
      places: ["0 1 udp:2001:db8::1:5060"],
      status: "fresh",
    },
    { name: "sips", query: queryFor("192.0.2.1", { secure: true }), places: [], status: "not-offered" },
    { name: "a wildcard", query: queryFor("0.0.0.0"), places: [], status: "failed" },
    { name: "multicast", query: queryFor("224.0.1.75"), places: [], status: "failed" },
  ];
  for (const { name, query, places, status } of numeric) {
    test(name, () => {
      const location = locateNumeric(query, BOTH);
      assert.deepEqual([placesOf(location), location?.status], [places, status]);
    });
  }

  for (const host of ["example.com", "1.2.3", "1.2.3.4.example", "pbx1", "::1%eth0"]) {
    test(`${host} is none`, () => assert.equal(locateNumeric(queryFor(host), BOTH), null));
  }
});

describe("limits", () => {
  const chain = (length: number): string =>
    Array.from({ length }, (_, index) => `n${index}.example CNAME n${index + 1}.example`).join("\n") +
    `\nn${length}.example A 192.0.2.1`;
  for (const [length, servers] of [
    [ALIASES_MAX, 1],
    [ALIASES_MAX + 1, 0],
  ] as const) {
    test(`a chain of ${length} CNAMEs: ${servers === 1 ? "followed" : "failed"}`, () => {
      const { location } = locate(queryFor("n0.example", { port: 5060 }), { zone: chain(length) });
      assert.equal(location?.servers.length, servers);
      if (servers === 0) assert.match(location?.reason ?? "", /more than 8 CNAMEs/);
    });
  }

  for (const count of [SRV_RECORDS_MAX, SRV_RECORDS_MAX + 1]) {
    test(`${count} SRV records: ${SRV_RECORDS_MAX} servers, the best priorities`, () => {
      const zone = Array.from(
        { length: count },
        (_, i) => `_sip._udp.example SRV ${count - i} 1 5060 n${i}.example\nn${i}.example A 192.0.2.${i}`,
      ).join("\n");
      const { location } = locate(queryFor("example", { transport: "udp" }), { zone });
      assert.equal(location?.servers.length, SRV_RECORDS_MAX);
      assert.equal(location?.servers[0]?.priority, 1);
    });
  }

  for (const count of [SERVERS_MAX, SERVERS_MAX + 1]) {
    test(`${count} addresses: ${SERVERS_MAX} servers`, () => {
      const zone = Array.from({ length: count }, (_, i) => `example A 10.0.${i >> 8}.${i & 255}`).join("\n");
      const { location } = locate(queryFor("example", { port: 5060 }), { zone });
      assert.equal(location?.servers.length, SERVERS_MAX);
    });
  }
});
