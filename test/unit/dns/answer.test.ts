// What a message says to the question.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Answer, encode } from "dns-packet";
import { readAnswer } from "../../../src/dns/answer.ts";
import { decodeMessage } from "../../../src/dns/wire.ts";

const QUESTION = { name: "a.example", type: "A" } as const;
const a = (name: string, ttl: number, data = "192.0.2.1"): Answer => ({ type: "A", name, ttl, data });
const cname = (name: string, data: string, ttl = 60): Answer => ({ type: "CNAME", name, ttl, data });
const soa = (ttl: number, minimum: number): Answer => ({
  type: "SOA",
  name: "example",
  ttl,
  data: { mname: "ns", rname: "h", serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});
const ns: Answer = { type: "NS", name: "example", ttl: 60, data: "ns.example" };

const NXDOMAIN = 3;
const AUTHORITATIVE = 0x400;
const address = { type: "A", address: "192.0.2.1" } as const;

const rows: { name: string; answers?: Answer[]; authorities?: Answer[]; flags?: number; said: object }[] = [
  {
    name: "records; the least TTL",
    answers: [a("a.example", 60), a("a.example", 30)],
    said: { kind: "records", records: [address, address], ttlS: 30 },
  },
  {
    name: "names in any case",
    answers: [a("A.Example", 60)],
    said: { kind: "records", records: [address], ttlS: 60 },
  },
  {
    name: "records of others are none",
    answers: [a("b.example", 60)],
    authorities: [soa(9, 9)],
    said: { kind: "none", exists: true, ttlS: 9 },
  },
  {
    name: "a CNAME chain in the answer; its TTLs count",
    answers: [cname("a.example", "b.example", 20), cname("b.example", "c.example"), a("c.example", 60)],
    said: { kind: "records", records: [address], ttlS: 20 },
  },
  {
    name: "a chain in the wrong order",
    answers: [a("c.example", 60), cname("b.example", "c.example"), cname("a.example", "b.example")],
    said: { kind: "records", records: [address], ttlS: 60 },
  },
  {
    name: "a chain that leaves the server",
    answers: [cname("a.example", "x.example.net", 7)],
    said: { kind: "alias", to: "x.example.net", ttlS: 7 },
  },
  {
    name: "a chain to a name without the record",
    answers: [cname("a.example", "b.example", 60)],
    authorities: [soa(30, 20)],
    said: { kind: "none", exists: true, ttlS: 20 },
  },
  {
    name: "a chain that loops",
    answers: [cname("a.example", "b.example"), cname("b.example", "a.example")],
    said: { kind: "failure", reason: "a CNAME loop at a.example" },
  },
  {
    name: "RFC 2308 §5: the lesser of the SOA's TTL and minimum, no such name",
    flags: NXDOMAIN,
    authorities: [soa(5, 60)],
    said: { kind: "none", exists: false, ttlS: 5 },
  },
  {
    name: "RFC 2308 §2.2: no record of the type",
    authorities: [soa(60, 4)],
    said: { kind: "none", exists: true, ttlS: 4 },
  },
  {
    name: "no SOA: it does not say how long it holds",
    flags: NXDOMAIN,
    said: { kind: "none", exists: false, ttlS: null },
  },
  {
    name: "a referral is no answer",
    authorities: [ns],
    said: { kind: "failure", reason: "a referral: the server asks nobody for us" },
  },
  {
    name: "an authoritative server without SOA",
    flags: AUTHORITATIVE,
    authorities: [ns],
    said: { kind: "none", exists: true, ttlS: null },
  },
  { name: "SERVFAIL", flags: 2, said: { kind: "failure", reason: "SERVFAIL" } },
  {
    name: "RFC 2181 §8: a TTL beyond 31 bits is none",
    answers: [a("a.example", 0x8000_0000)],
    said: { kind: "records", records: [address], ttlS: 0 },
  },
];

describe("an answer", () => {
  for (const { name, answers = [], authorities = [], flags = 0, said } of rows) {
    test(name, () => {
      const bytes = encode({ type: "response", id: 1, flags, questions: [QUESTION], answers, authorities });
      const message = decodeMessage(bytes);
      assert.ok(message !== null);
      assert.deepEqual(readAnswer(QUESTION, message), said);
    });
  }
});
