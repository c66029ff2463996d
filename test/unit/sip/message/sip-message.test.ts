import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CALL_ID, OTHER, ROUTE, VIA } from "../../../../src/sip/message/header-name.ts";
import {
  CSEQ_MAX,
  HEAD_BYTES_MAX,
  HEADERS_MAX,
  MAX_FORWARDS_MAX,
  MESSAGE_BYTES_MAX,
  URI_BYTES_MAX,
} from "../../../../src/sip/message/limits.ts";
import { SipParseError } from "../../../../src/sip/message/parse-error.ts";
import { parseMessage, type SipMessage } from "../../../../src/sip/message/sip-message.ts";
import { refused } from "../header/refused.ts";

const LINES = [
  "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
  "From: <sip:a@h>;tag=1",
  "To: <sip:b@h>",
  "Call-ID: c@h",
  "CSeq: 1 OPTIONS",
];

function text(lines: readonly string[] = LINES, start = "OPTIONS sip:b@h SIP/2.0", body = ""): string {
  return `${[start, ...lines].join("\r\n")}\r\n\r\n${body}`;
}

/** A message with this header in place of the usual one, or without any. */
function withLine(name: string, line: string | null): SipMessage {
  const rest = LINES.filter((other) => !other.startsWith(`${name}:`));
  return parseMessage(text(line === null ? rest : [...rest, line]));
}

describe("limits: at each one a message is taken, one past it refused", () => {
  const padded = (head: string, bytes: number): string => {
    const empty = `${head}\r\nX: \r\n`;
    return `${head}\r\nX: ${"x".repeat(bytes - empty.length)}\r\n\r\n`;
  };
  const startLine = "OPTIONS sip:b@h SIP/2.0";
  const uri = (bytes: number): string => text(LINES, `OPTIONS sip:${"b".repeat(bytes - 6)}@h SIP/2.0`);
  const rows = [
    {
      name: "MESSAGE_BYTES_MAX",
      max: MESSAGE_BYTES_MAX,
      of: (bytes: number) => text().padEnd(bytes, "b"),
      status: 513,
    },
    {
      name: "HEAD_BYTES_MAX",
      max: HEAD_BYTES_MAX,
      of: (bytes: number) => padded(startLine, bytes),
      status: 513,
    },
    {
      name: "HEADERS_MAX",
      max: HEADERS_MAX,
      of: (count: number) => text(Array.from({ length: count }, () => "X: y")),
      status: 513,
    },
    { name: "URI_BYTES_MAX", max: URI_BYTES_MAX, of: uri, status: 414 },
  ] as const;
  for (const { name, max, of, status } of rows) {
    test(`${name}: ${max} pass, ${max + 1} get ${status}`, () => {
      assert.equal(parseMessage(of(max)).method, "OPTIONS");
      refused(() => parseMessage(of(max + 1)), { code: "SIP_TOO_LARGE", status });
    });
  }

  test(`CSEQ_MAX: ${CSEQ_MAX} passes, one more gets 400`, () => {
    assert.equal(withLine("CSeq", `CSeq: ${CSEQ_MAX} OPTIONS`).cseqNumber, CSEQ_MAX);
    refused(() => withLine("CSeq", `CSeq: ${CSEQ_MAX + 1} OPTIONS`).cseqNumber, { status: 400 });
  });

  test(`MAX_FORWARDS_MAX: ${MAX_FORWARDS_MAX} passes, one more gets 400`, () => {
    assert.equal(withLine("", `Max-Forwards: ${MAX_FORWARDS_MAX}`).maxForwards, MAX_FORWARDS_MAX);
    refused(() => withLine("", `Max-Forwards: ${MAX_FORWARDS_MAX + 1}`).maxForwards, { status: 400 });
  });
});

describe("start lines", () => {
  const good = [
    { line: "INVITE sip:a@h SIP/2.0", method: "INVITE", uri: "sip:a@h", status: 0 },
    { line: "x-Odd.Method! tel:+1 SIP/2.0", method: "x-Odd.Method!", uri: "tel:+1", status: 0 },
    { line: "SIP/2.0 200 OK", method: "", uri: "", status: 200 },
    { line: "SIP/2.0 100 ", method: "", uri: "", status: 100 },
    { line: "SIP/2.0 699", method: "", uri: "", status: 699 },
    { line: "INVITE sip:a@h sip/2.0", method: "INVITE", uri: "sip:a@h", status: 0 },
    { line: "sip/2.0 200 OK", method: "", uri: "", status: 200 },
    { line: "SIP/2.0 404 Nicht \xfcberall = 2**3", method: "", uri: "", status: 404 },
  ];
  for (const { line, ...is } of good) {
    test(`taken: ${line}`, () => {
      const { method, uri, status, isRequest } = parseMessage(text(LINES, line));
      assert.deepEqual({ method, uri, status }, is);
      assert.equal(isRequest, is.status === 0);
    });
  }

  const bad = [
    { line: "", code: "SIP_START_LINE", status: 400 },
    { line: " INVITE sip:a@h SIP/2.0", code: "SIP_START_LINE", status: 400 },
    { line: "INVITE", code: "SIP_START_LINE", status: 400 },
    { line: "INVITE sip:a@h", code: "SIP_START_LINE", status: 400 },
    { line: "INVITE  sip:a@h SIP/2.0", code: "SIP_START_LINE", status: 400 },
    { line: "INVITE sip:a@h  SIP/2.0", code: "SIP_START_LINE", status: 400 },
    { line: "INVITE sip:a@h SIP/2.0 ", code: "SIP_START_LINE", status: 400 },
    { line: "INV:ITE sip:a@h SIP/2.0", code: "SIP_START_LINE", status: 400 },
    { line: "INVITE sip:a@h HTTP/1.1", code: "SIP_START_LINE", status: 400 },
    { line: "INVITE sip:a@h SIP/7.0", code: "SIP_VERSION", status: 505 },
    { line: "SIP/3.0 200 OK", code: "SIP_VERSION", status: 505 },
    { line: "SIP/2.0", code: "SIP_START_LINE", status: 400 },
    { line: "SIP/2.0 99 Low", code: "SIP_START_LINE", status: 400 },
    { line: "SIP/2.0 700 High", code: "SIP_START_LINE", status: 400 },
    { line: "SIP/2.0 2000 Long", code: "SIP_START_LINE", status: 400 },
    { line: "SIP/2.0 20x OK", code: "SIP_START_LINE", status: 400 },
    { line: "SIP/2.0 20", code: "SIP_START_LINE", status: 400 },
  ] as const;
  for (const { line, code, status } of bad) {
    test(`refused with ${status}: ${JSON.stringify(line)}`, () => {
      refused(() => parseMessage(text(LINES, line)), { code, status });
    });
  }

  for (const raw of ["INVITE sip:a@h SIP/2.0", "SIP/2.0 200 OK", "", "\r\n\r\n", "\x00\x01"]) {
    test(`refused: no message at all: ${JSON.stringify(raw)}`, () => {
      refused(() => parseMessage(raw), { status: 400 });
    });
  }
});

describe("header lines", () => {
  test("names in any case, compact forms, white space and folds (RFC 3261 §7.3)", () => {
    const lines = [
      "v : SIP/2.0/UDP h;\r\n branch=z9hG4bK1",
      "fROM:<sip:a@h>;tag=1",
      ...LINES.slice(2),
      "X-Fold: a\r\n\tb",
    ];
    const message = parseMessage(text(lines));
    assert.equal(message.topVia.branch, "z9hG4bK1");
    assert.equal(message.fromTag, "1");
    assert.equal(message.valueNamed("x-fold"), "a\r\n\tb");
    assert.equal(message.rows, 6);
    assert.deepEqual([message.idAt(0), message.idAt(5), message.idAt(99)], [VIA, OTHER, OTHER]);
    assert.deepEqual([message.lineStart(99), message.valueStart(99), message.valueEnd(99)], [0, 0, 0]);
  });

  test("empty values are taken, absent headers are null", () => {
    const message = parseMessage(text([...LINES, "Subject:", "X:  \t"]));
    assert.deepEqual(
      ["subject", "X", "y"].map((name) => message.valueNamed(name)),
      ["", "", null],
    );
    assert.equal(message.value(ROUTE), null);
    assert.equal(message.value(CALL_ID), "c@h");
    assert.equal(message.maxForwards, null);
    assert.equal(message.toTag, "");
  });

  const bad = [
    { name: "no colon", line: "Subject" },
    { name: "no name", line: ": x" },
    { name: "a space before the name of the first", line: "@x: y" },
    { name: "a space within the name", line: "Sub ject: x" },
    { name: "a character that a name can't have", line: "Sub@ject: x" },
  ];
  for (const { name, line } of bad) {
    test(`refused: ${name}`, () => {
      refused(() => parseMessage(text([...LINES, line])), { code: "SIP_HEADER", status: 400 });
    });
  }

  test("refused: headers that do not end", () => {
    refused(() => parseMessage("OPTIONS sip:h SIP/2.0\r\n"), { code: "SIP_HEADER" });
    refused(() => parseMessage("OPTIONS sip:h SIP/2.0\r\nX: y"), { code: "SIP_HEADER" });
    refused(() => parseMessage("OPTIONS sip:h SIP/2.0\r\nX: y\r\n z"), { code: "SIP_HEADER" });
    refused(() => parseMessage("OPTIONS sip:h SIP/2.0\r\nX: y\r\n"), { code: "SIP_HEADER" });
  });

  test("refused: a CR or LF that stands alone, as the next element might read a line end there", () => {
    for (const lone of ["X: a\rRoute: <sip:h>", "X: a\nRoute: <sip:h>", "X: a\n\r"]) {
      refused(() => parseMessage(text([...LINES, lone])), { code: "SIP_HEADER", status: 400 });
    }
  });

  test("a header that stands there twice is known to", () => {
    const message = parseMessage(text([...LINES, "i: d@h"]));
    assert.deepEqual([message.isRepeated(CALL_ID), message.isRepeated(VIA)], [true, false]);
  });
});

describe("headers that are decoded when asked for", () => {
  const rows: { name: string; line: [string, string | null]; read: (message: SipMessage) => unknown }[] = [
    { name: "no Via", line: ["Via", null], read: (m) => m.topVia },
    { name: "no From", line: ["From", null], read: (m) => m.from },
    { name: "no To", line: ["To", null], read: (m) => m.toTag },
    { name: "two To in one", line: ["To", "To: <sip:a@h>, <sip:b@h>"], read: (m) => m.to },
    { name: "no Call-ID", line: ["Call-ID", null], read: (m) => m.callId },
    { name: "an empty Call-ID", line: ["Call-ID", "Call-ID:"], read: (m) => m.callId },
    { name: "a Call-ID with a space", line: ["Call-ID", "Call-ID: a b"], read: (m) => m.callId },
    { name: "no CSeq", line: ["CSeq", null], read: (m) => m.cseqNumber },
    { name: "a CSeq without method", line: ["CSeq", "CSeq: 1"], read: (m) => m.cseqMethod },
    { name: "a CSeq without number", line: ["CSeq", "CSeq: OPTIONS"], read: (m) => m.cseqMethod },
    { name: "a CSeq with text behind", line: ["CSeq", "CSeq: 1 OPTIONS x"], read: (m) => m.cseqMethod },
    { name: "a CSeq in one word", line: ["CSeq", "CSeq: 1OPTIONS"], read: (m) => m.cseqMethod },
    { name: "a negative CSeq", line: ["CSeq", "CSeq: -1 OPTIONS"], read: (m) => m.cseqNumber },
    { name: "a Max-Forwards of no number", line: ["", "Max-Forwards: x"], read: (m) => m.maxForwards },
    { name: "an empty Max-Forwards", line: ["", "Max-Forwards:"], read: (m) => m.maxForwards },
  ];
  for (const { name, line, read } of rows) {
    test(`refused: ${name}`, () => {
      const message = withLine(...line);
      refused(() => read(message), { code: "SIP_HEADER", status: 400 });
    });
  }

  test("CSeq over a fold, Max-Forwards with leading zeros", () => {
    const message = parseMessage(text([...LINES.slice(0, 4), "CSeq: 0009\r\n OPTIONS", "Max-Forwards: 070"]));
    assert.deepEqual([message.cseqNumber, message.cseqMethod, message.maxForwards], [9, "OPTIONS", 70]);
  });

  test("the second Via: of the same line, of the next, or none", () => {
    const second = (...vias: string[]) => parseMessage(text([...vias, ...LINES.slice(1)])).secondVia?.branch;
    assert.equal(second("Via: SIP/2.0/UDP h;branch=a , SIP/2.0/UDP i;branch=b"), "b");
    assert.equal(second("Via: SIP/2.0/UDP h;branch=a", "v: SIP/2.0/UDP i;branch=b"), "b");
    assert.equal(second("Via: SIP/2.0/UDP h;branch=a"), undefined);
    assert.equal(parseMessage(text()).hasViaBelow, false);
    assert.equal(parseMessage(text(["v: SIP/2.0/UDP h", ...LINES])).hasViaBelow, true);
  });
});

describe("Content-Length (RFC 3261 §18.3)", () => {
  test("what lies behind the body is cut; without Content-Length nothing is", () => {
    assert.equal(parseMessage(text([...LINES, "Content-Length: 3"], undefined, "abcdef")).body, "abc");
    assert.equal(parseMessage(text([...LINES, "l: 0"], undefined, "abcdef")).body, "");
    assert.equal(parseMessage(text([...LINES, "l: 6"], undefined, "abcdef")).body, "abcdef");
    assert.equal(parseMessage(text(LINES, undefined, "abcdef")).body, "abcdef");
    assert.equal(
      parseMessage(text([...LINES, "l: 3", "Content-Length: 03"], undefined, "abcdef")).body,
      "abc",
    );
  });

  for (const lines of [
    ["l: 7"],
    ["l: -1"],
    ["l: x"],
    ["l:"],
    ["l: 3", "l: 4"],
    [`l: ${MESSAGE_BYTES_MAX + 1}`],
  ]) {
    test(`refused: ${lines.join(", ")} for six bytes`, () => {
      refused(() => parseMessage(text([...LINES, ...lines], undefined, "abcdef")), {
        code: "SIP_HEADER",
        status: 400,
      });
    });
  }
});

test("an error tells its kind by code, and where", () => {
  const error = new SipParseError("a word", { code: "SIP_HEADER", status: 400, offset: 7 });
  assert.deepEqual(
    {
      name: error.name,
      message: error.message,
      code: error.code,
      status: error.status,
      offset: error.offset,
    },
    { name: "SipParseError", message: "a word", code: "SIP_HEADER", status: 400, offset: 7 },
  );
});
