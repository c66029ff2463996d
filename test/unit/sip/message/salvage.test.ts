// Answers to what can't be read (RFC 3261 §16.3 item 1).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answerUnreadable } from "../../../../src/sip/message/salvage.ts";
import { parseMessage } from "../../../../src/sip/message/sip-message.ts";

const SOURCE = { address: "192.0.2.9", port: 4_711 };
const LINE = { status: 400, phrase: "Bad Request" };
const HEAD = [
  "Via: SIP/2.0/UDP h;branch=z1;rport",
  "f: <sip:a@h>;tag=1",
  "To: <sip:b@h>",
  "Call-ID: c@h",
  "CSeq: 1 INVITE",
];

function answer(lines: readonly string[], start = "INVITE sip:b@h SIP/2.0"): string | null {
  return answerUnreadable(`${[start, ...lines].join("\r\n")}\r\n\r\nbody`, LINE, SOURCE);
}

describe("a request that can't be read", () => {
  const readable = [
    { name: "a bad start line", lines: HEAD, start: "INVITE <sip:b@h> SIP/2.0 more" },
    { name: "a line without a colon", lines: ["nonsense", ...HEAD] },
    { name: "a bad Content-Length", lines: [...HEAD, "Content-Length: -1"] },
    { name: "a header without a name", lines: [...HEAD, ": x"] },
  ];
  for (const { name, lines, start } of readable) {
    test(`${name}: what an answer needs is copied`, () => {
      const response = parseMessage(answer(lines, start) ?? "");
      assert.equal(response.status, 400);
      assert.equal(response.topVia.received, "192.0.2.9");
      assert.equal(response.topVia.rport, "4711");
      assert.equal(response.fromTag, "1");
      assert.match(response.toTag, /^[\w-]{5,}$/);
      assert.deepEqual([response.callId, response.cseqNumber, response.body], ["c@h", 1, ""]);
      assert.equal(answer(lines, start), response.raw, "the same for each retransmission (§8.2.7)");
    });
  }

  test("a To that has a tag keeps it alone", () => {
    const lines = HEAD.map((line) => (line.startsWith("To") ? "t: <sip:b@h> ; Tag=theirs" : line));
    assert.equal(parseMessage(answer(lines) ?? "").toTag, "theirs");
  });

  test("all Vias stay, only the topmost is stamped", () => {
    const response = answer([...HEAD, "v: SIP/2.0/TCP i;branch=z2"]);
    assert.match(response ?? "", /^v: SIP\/2\.0\/TCP i;branch=z2\r$/m);
  });

  test("a Via that can't be read goes back as it came", () => {
    const lines = HEAD.map((line) => (line.startsWith("Via") ? "Via: SIP/2.0/UDP ;;" : line));
    assert.match(answer(lines) ?? "", /^Via: SIP\/2\.0\/UDP ;;\r$/m);
  });

  test("a fold is unfolded; a lone CR or LF in a copied line breaks no line of ours", () => {
    const response = answer([
      ...HEAD.slice(0, 2),
      "To: <sip:b@h>\r\n ;x=y",
      "Call-ID: c\rEvil: 1",
      "CSeq: 1\nEvil: 2",
    ]);
    assert.match(response ?? "", /^To: <sip:b@h> ;x=y;tag=\S+\r$/m);
    assert.doesNotMatch(response ?? "", /^Evil/m);
  });

  test("what stands behind the empty line is not looked at", () => {
    const raw = `INVITE sip:b@h SIP/2.0\r\nX\r\n\r\n${HEAD.join("\r\n")}\r\n\r\n`;
    assert.equal(answerUnreadable(raw, LINE, SOURCE), null);
  });

  test("64 header lines are looked at, not 65", () => {
    const filler = (count: number): string[] => Array.from({ length: count }, () => "X: y");
    assert.notEqual(answer([...filler(63), ...HEAD.slice(0, 1)]), null);
    assert.equal(answer([...filler(64), ...HEAD.slice(0, 1)]), null);
  });

  test("headers without an empty line behind them are read to the end", () => {
    const raw = `INVITE sip:b@h SIP/2.0\r\n${HEAD.join("\r\n")}`;
    assert.equal(parseMessage(answerUnreadable(raw, LINE, SOURCE) ?? "").cseqNumber, 1);
  });

  const silent = [
    { name: "no Via", raw: "INVITE sip:b@h SIP/2.0\r\nX: y\r\n\r\n" },
    { name: "an ACK", raw: `ACK sip:b@h SIP/2.0\r\n${HEAD.join("\r\n")}\r\n\r\n` },
    { name: "a response", raw: `SIP/2.0 20 OK\r\n${HEAD.join("\r\n")}\r\n\r\n` },
    { name: "no method", raw: "\x00\x01\x02" },
    { name: "one line", raw: "INVITE sip:b@h SIP/2.0" },
    { name: "nothing", raw: "" },
  ];
  for (const { name, raw } of silent) {
    test(`${name}: no answer`, () => assert.equal(answerUnreadable(raw, LINE, SOURCE), null));
  }
});
