// DNS answers from a few lines of text, one record each: "example SRV 10 70 5060 a.example" or "x CNAME y".
import type { Answer } from "../../src/dns/answer.ts";
import type { DnsRecord, Question } from "../../src/dns/question.ts";

const TTL_S = 30;
const NEGATIVE_TTL_S = 10;

function recordOf(type: string, fields: readonly string[]): DnsRecord {
  const [a = "", b = "", c = "", d = "", e = ""] = fields;
  switch (type) {
    case "A":
    case "AAAA":
      return { type, address: a };
    case "SRV":
      return { type, priority: Number(a), weight: Number(b), port: Number(c), target: d };
    case "NAPTR":
      return { type, order: Number(a), preference: Number(b), flags: c, service: d, replacement: e };
    default:
      throw new Error(`no ${type} in test zones`);
  }
}

/** @returns what a resolver would say: "none" for what does not stand in the zone */
export function zoneAnswer(zone: string, { name, type }: Question, ttlS = TTL_S): Answer {
  const rows = zone
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([owner]) => owner === name);
  const records = rows.filter((row) => row[1] === type).map((row) => recordOf(type, row.slice(2)));
  if (records.length > 0) return { kind: "records", records, ttlS };
  const alias = rows.find((row) => row[1] === "CNAME");
  if (alias !== undefined) return { kind: "alias", to: alias[2] ?? "", ttlS };
  return { kind: "none", exists: rows.length > 0, ttlS: NEGATIVE_TTL_S };
}
