/** RFC 4475 and RFC 5118: each message through the parser and through the proxy, against expected.ts. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { CONTENT_LENGTH, CSEQ } from "../../src/sip/message/header-name.ts";
import { SipParseError } from "../../src/sip/message/parse-error.ts";
import { parseMessage } from "../../src/sip/message/sip-message.ts";
import { decode } from "../support/decode.ts";
import { type Outcome, TORTURE, type TortureCase } from "./expected.ts";
import {
  asAnswer,
  PROXY_HOSTS,
  ProxyHarness,
  requestFor,
  type Sent,
  TARGET,
  withOurRoute,
} from "./harness.ts";

function read({ file }: TortureCase): string {
  return readFileSync(new URL(file, import.meta.url), "latin1");
}

function named({ file, section, note }: TortureCase): string {
  return `${file} (RFC ${file.slice(3, 7)} §${section}): ${note}`;
}

function isRequest(text: string): boolean {
  return !text.startsWith("SIP/");
}

/** What became of a request. */
function outcomeOf(sent: readonly Sent[]): Outcome {
  const forwarded = sent.filter(({ text }) => isRequest(text));
  if (forwarded.length > 0) return { forward: true };
  const final = sent.map(({ text }) => Number(text.slice(8, 11))).find((status) => status >= 200);
  return final === undefined ? { drop: true } : { status: final };
}

/** Header lines, folds joined to their line. */
function linesOf(text: string): string[] {
  const head = text.slice(text.indexOf("\r\n") + 2).split("\r\n\r\n", 1)[0] ?? "";
  return head.split(/\r\n(?![ \t])/);
}

const CHANGED = /^(?:max-forwards|route)[ \t]*:/i;
const VIA = /^(?:via|v)[ \t]*:/i;

test("every torture message has a row, and every row a message", () => {
  const files = ["rfc4475", "rfc5118"].flatMap((folder) =>
    readdirSync(new URL(folder, import.meta.url)).map((file) => `${folder}/${file}`),
  );
  assert.deepEqual(TORTURE.map(({ file }) => file).sort(), files.sort());
});

for (const row of TORTURE) {
  test(`parser: ${named(row)}`, () => {
    const text = read(row);
    // Another scheme than sip, sips and tel is well formed, and not to be read as one of those.
    const readable = text.replace(/^(\S+) (?!sips?:|tel:|<)[a-z][\w+.-]*:\S+ /i, "$1 sip:elsewhere ");
    if (row.parser === "takes") decode(readable);
    else assert.throws(() => decode(readable), SipParseError);
  });
}

for (const row of TORTURE) {
  test(`proxy: ${named(row)}`, () => {
    const text = row.inDialog === true ? withOurRoute(read(row)) : read(row);
    const sent = new ProxyHarness().feed(text);
    assert.deepEqual(outcomeOf(sent), row.outcome);
    if ("status" in row.outcome) assert.equal(sent.length, 1, "one answer");
  });
}

for (const row of TORTURE.filter(({ inDialog }) => inDialog === true)) {
  test(`proxy, without a Route of ours: ${row.file} is of no dialog that we know (RFC 3261 §12.2.2)`, () => {
    assert.deepEqual(outcomeOf(new ProxyHarness().feed(read(row))), { status: 481 });
  });
}

const FORWARDED = TORTURE.filter(({ outcome, kind }) => kind === "request" && "forward" in outcome);

for (const row of FORWARDED) {
  test(`forwarded as it came (RFC 3261 §16.6 item 1): ${row.file}`, () => {
    const text = row.inDialog === true ? withOurRoute(read(row)) : read(row);
    const out = new ProxyHarness().feed(text).find((sent) => isRequest(sent.text));
    assert.ok(out !== undefined);
    if (row.inDialog === undefined) assert.equal(out.flow.address, TARGET.address);
    const before = parseMessage(text);
    const after = parseMessage(out.text);
    assert.equal(after.method, before.method);
    assert.equal(after.uri, before.uri);
    assert.equal(after.body, before.body, "body, cut at its Content-Length (§18.3)");
    assert.equal(after.value(CONTENT_LENGTH), before.value(CONTENT_LENGTH));
    assert.equal(after.maxForwards, before.maxForwards === null ? 70 : before.maxForwards - 1);
    assert.ok(PROXY_HOSTS.has(after.topVia.host), "our Via on top (§16.6 item 8)");
    assert.equal(after.secondVia?.host, before.topVia.host);
    assert.equal(
      after.secondVia?.received || PEER_ITSELF,
      PEER_ITSELF,
      "received is where it came from (§18.2.1)",
    );
    const kept = linesOf(text).filter((line) => !CHANGED.test(line));
    const topVia = kept.findIndex((line) => VIA.test(line));
    kept.splice(topVia, 1); // `received` and `rport` are added there (§18.2.1)
    const lines = linesOf(out.text);
    assert.deepEqual(
      kept.filter((line) => !lines.includes(line)),
      [],
      "every other header line stands in the copy",
    );
    const order = kept.map((line) => lines.lastIndexOf(line));
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
      "in the order in which they came",
    );
  });
}

const PEER_ITSELF = "192.0.2.15";

for (const row of TORTURE) {
  const { answered } = row;
  if (answered === undefined) continue;
  test(`proxy, as the answer to a request that we forwarded: ${named(row)}`, () => {
    const response = read(row);
    const method = /^CSeq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im.exec(response)?.[1] ?? "";
    const number = parseMessage(`SIP/2.0 200 OK${response.slice(response.indexOf("\r\n"))}`)
      .value(CSEQ)
      ?.split(" ")[0];
    const cseq = number !== undefined && number.length < 10 ? number : "1";
    const harness = new ProxyHarness();
    const request = harness.feed(requestFor(response, method, cseq)).find(({ text }) => isRequest(text));
    assert.ok(request !== undefined);
    const up = harness.feed(asAnswer(response, request.text), TARGET);
    if ("drop" in answered) {
      assert.deepEqual(up, []);
      return;
    }
    assert.equal(up.length, 1);
    const text = up[0]?.text ?? "";
    assert.equal(text.split("\r\n")[0], response.split("\r\n")[0], "status line with its reason phrase");
    assert.equal(parseMessage(text).topVia.branch, "z9hG4bKabove");
    assert.equal(parseMessage(text).body, parseMessage(response).body);
  });
}

test("3.3.5 bext01: Unsupported names both options of Proxy-Require, and none of Require", () => {
  const row = TORTURE.find(({ file }) => file === "rfc4475/bext01.dat");
  assert.ok(row !== undefined);
  const [answer] = new ProxyHarness().feed(read(row));
  const unsupported = /^Unsupported[ \t]*:[ \t]*(.*)$/im.exec(answer?.text ?? "")?.[1] ?? "";
  assert.deepEqual(unsupported.split(/\s*,\s*/), ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]);
});

test("3.1.1.8 dblreq: nothing of the second request leaves", () => {
  const row = TORTURE.find(({ file }) => file === "rfc4475/dblreq.dat");
  assert.ok(row !== undefined);
  const sent = new ProxyHarness().feed(read(row));
  assert.equal(sent.length, 1);
  assert.doesNotMatch(sent[0]?.text ?? "", /sip:joe@example\.com/);
});

test("each message twice: a retransmission makes nothing new (RFC 3261 §17.2.1, §17.2.2)", () => {
  for (const row of TORTURE) {
    const harness = new ProxyHarness();
    const text = read(row);
    harness.feed(text);
    const again = harness.feed(text);
    assert.deepEqual(
      again.filter((sent) => isRequest(sent.text)),
      [],
      row.file,
    );
  }
});

test("each message cut at every hundredth byte does no harm", () => {
  for (const row of TORTURE) {
    const text = read(row);
    const harness = new ProxyHarness();
    for (let length = 0; length < text.length; length += 100) harness.feed(text.slice(0, length));
  }
});
