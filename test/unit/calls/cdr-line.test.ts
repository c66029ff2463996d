import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cdrLine } from "../../../src/calls/cdr-line.ts";
import { cdr, START } from "../../support/cdrs.ts";

/** As a SIP message is read: each byte a character. */
function wire(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const anyTime = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) });

describe("cdrLine", () => {
  test("has everything, in one order, whatever the values", () => {
    const answered = cdr();
    const { attempts, start, ringing, answer, end } = answered;
    assert.deepEqual(JSON.parse(cdrLine(answered)), {
      ...answered,
      attempts: attempts.map((attempt) => ({ ...attempt, at: iso(attempt.at) })),
      start: iso(start),
      ringing: iso(ringing),
      answer: iso(answer),
      end: iso(end),
    });
    const refused = cdr({ attempts: [], target: "", ringing: null, answer: null, durationMs: 0, status: 0 });
    assert.deepEqual(Object.keys(JSON.parse(cdrLine(refused))), Object.keys(JSON.parse(cdrLine(answered))));
  });

  const texts = [
    { name: "plain ASCII", bytes: "sip:alice@192.0.2.1", read: "sip:alice@192.0.2.1" },
    { name: "nothing", bytes: "", read: "" },
    {
      name: "a display name in UTF-8",
      bytes: wire('"Jürgen Müller" <sip:j@x>'),
      read: '"Jürgen Müller" <sip:j@x>',
    },
    { name: "UTF-8 beyond the Basic Multilingual Plane", bytes: wire("sip:𝄞☎@x"), read: "sip:𝄞☎@x" },
    { name: "ISO 8859-1, which is no UTF-8", bytes: "J\xfcrgen", read: "Jürgen" },
    { name: "UTF-8 that is cut off", bytes: "J\xc3", read: "JÃ" },
    { name: "an overlong encoding (RFC 3629 §3)", bytes: "\xc0\xaf", read: "\u00c0¯" },
    { name: "a surrogate in UTF-8 (RFC 3629 §3)", bytes: "\xed\xa0\x80", read: "\u00ed\u00a0\u0080" },
    { name: "a name of the configuration beyond latin1", bytes: "büro-☎", read: "büro-☎" },
    { name: "half a surrogate pair", bytes: "a\ud800b", read: "a\ud800b" },
    { name: "quotation marks, backslashes and controls", bytes: '"\\\u0000\r\n\t', read: '"\\\u0000\r\n\t' },
  ];
  for (const { name, bytes, read } of texts) {
    test(`text: ${name}`, () => {
      const { attempts } = cdr();
      const line = cdrLine(
        cdr({ from: bytes, reason: bytes, attempts: attempts.map((one) => ({ ...one, reason: bytes })) }),
      );
      const parsed = JSON.parse(line);
      assert.equal(parsed.from, read);
      assert.equal(parsed.reason, read);
      assert.deepEqual(
        parsed.attempts.map((one: { reason: string }) => one.reason),
        [read, read],
      );
    });
  }

  test("text: nothing that moves a terminal or breaks a line stands as it is", () => {
    const controls = Array.from({ length: 0xa0 }, (_, code) => code).filter(
      (code) => code < 0x20 || code > 0x7e,
    );
    for (const code of [...controls, 0x2028, 0x2029]) {
      const text = `a${String.fromCharCode(code)}b`;
      const line = cdrLine(cdr({ to: wire(text) }));
      assert.ok(!line.includes(text), `U+${code.toString(16)}`);
      assert.equal(JSON.parse(line).to, text);
    }
  });

  test("times: as Date writes them", () => {
    fc.assert(
      fc.property(anyTime, anyTime, anyTime, (start, answer, end) => {
        const parsed = JSON.parse(cdrLine(cdr({ start, answer, end })));
        assert.deepEqual([parsed.start, parsed.answer, parsed.end], [start, answer, end].map(iso));
      }),
      { numRuns: 2_000 },
    );
  });

  const dates = [
    "1970-01-01",
    "1972-02-29",
    "1999-12-31",
    "2000-02-29",
    "2000-03-01",
    "2100-02-28",
    "2100-03-01",
  ];
  for (const date of [...dates, "2400-02-29", "9999-12-31"]) {
    test(`times: both ends of ${date}`, () => {
      for (const time of [`${date}T00:00:00.000Z`, `${date}T23:59:59.999Z`]) {
        assert.equal(JSON.parse(cdrLine(cdr({ start: Date.parse(time) }))).start, time);
      }
    });
  }

  test("times: fractions of a millisecond are cut off, those of a duration rounded", () => {
    const parsed = JSON.parse(cdrLine(cdr({ start: START + 0.9, durationMs: 1.6 })));
    assert.deepEqual([parsed.start, parsed.durationMs], [iso(START), 2]);
  });

  test("times: what is no time is null", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e15]) {
      assert.equal(JSON.parse(cdrLine(cdr({ start: bad }))).start, null);
    }
    assert.equal(JSON.parse(cdrLine(cdr({ durationMs: Number.NaN }))).durationMs, null);
  });

  test("is one line of JSON for any bytes, and valid UTF-8", () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, anyBytes, (from, callId, reason) => {
        const line = cdrLine(cdr({ from, callId, reason }));
        assert.ok(!/[\r\n]/.test(line));
        assert.ok(line.isWellFormed());
        assert.equal(typeof JSON.parse(line).from, "string");
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("docs/cdr.md", () => {
  const page = readFileSync(new URL("../../../docs/cdr.md", import.meta.url), "utf8");
  const example = /^```json\n(.+)\n```$/m.exec(page)?.[1] ?? "";

  /** First column of the table below a heading, without its back-ticks. */
  function keysBelow(heading: string): string[] {
    const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
    return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, key]) => key ?? "");
  }

  test("the example is what cdrLine writes", () => {
    assert.equal(example, cdrLine(cdr()));
  });

  test("has every field, in order", () => {
    const line = JSON.parse(cdrLine(cdr()));
    assert.deepEqual(keysBelow("Fields"), Object.keys(line));
    assert.deepEqual(keysBelow("Attempts"), Object.keys(line.attempts[0]));
  });

  test("has every value of endedBy", () => {
    const source = readFileSync(new URL("../../../src/calls/cdr.ts", import.meta.url), "utf8");
    const union = /type EndedBy =([^;]+);/.exec(source)?.[1] ?? "";
    assert.deepEqual(
      keysBelow("How a call ends"),
      [...union.matchAll(/"([^"]+)"/g)].map(([, value]) => value),
    );
  });
});
