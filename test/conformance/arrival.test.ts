/** RFC 3261 §7, §18.2 and RFC 3581 §4: what a proxy makes of the first lines of a message, in words of one row each. */
import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import { parseMessage } from "../../src/sip/message/sip-message.ts";
import { asAnswer, ProxyHarness, type Sent, TARGET } from "./harness.ts";

interface Parts {
  readonly via: string;
  readonly startLine: string;
  readonly more: string;
  readonly cseq: string;
}

function options(parts: Partial<Parts>): string {
  const { via = "SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKx", startLine = "OPTIONS sip:c@example.com SIP/2.0" } =
    parts;
  const { more = "", cseq = "1 OPTIONS" } = parts;
  return (
    `${startLine}\r\nVia: ${via}\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n` +
    `To: <sip:c@example.com>\r\nCall-ID: x\r\nCSeq: ${cseq}\r\n${more}Content-Length: 0\r\n\r\n`
  );
}

function only(sent: readonly Sent[]): Sent {
  assert.equal(sent.length, 1, "one message");
  const [first] = sent;
  assert.ok(first !== undefined);
  return first;
}

/** The sender's Via as the next hop gets it. */
function viaBelow(sent: readonly Sent[]): string {
  const { text } = only(sent);
  assert.ok(!text.startsWith("SIP/"), `not forwarded: ${text.split("\r\n")[0]}`);
  return /^Via: .*\r\n(?:.*\r\n)*?Via: (.*)$/im.exec(text)?.[1] ?? "";
}

const STAMPED = [
  {
    name: "a received that the sender made up is replaced, one of equal length too (§18.2.1)",
    via: "SIP/2.0/UDP 10.99.0.1;branch=z9hG4bKx;received=192.0.2.99",
    has: [";received=192.0.2.15"],
    hasNot: ["192.0.2.99"],
  },
  {
    name: "an rport with a value is replaced, one of equal length too (RFC 3581 §4)",
    via: "SIP/2.0/UDP 10.99.0.1;rport=9999;branch=z9hG4bKx;received=192.0.2.99",
    has: [";rport=5060", ";received=192.0.2.15"],
    hasNot: ["9999"],
  },
  {
    name: "a parameter whose name begins as received does stays (§16.6 item 1)",
    via: "SIP/2.0/UDP 10.99.0.1;receivedx=1;branch=z9hG4bKx",
    has: [";receivedx=1", ";received=192.0.2.15"],
    hasNot: [],
  },
  {
    name: "a parameter whose name begins as rport does stays (§16.6 item 1)",
    via: "SIP/2.0/UDP 10.99.0.1;rport.x=3;branch=z9hG4bKx",
    has: [";rport.x=3", ";received=192.0.2.15"],
    hasNot: ["rport=5060"],
  },
  {
    name: "white space may follow the slash before the transport (§25.1 SLASH)",
    via: "SIP/2.0/ UDP 192.0.2.15;branch=z9hG4bKx",
    has: ["branch=z9hG4bKx"],
    hasNot: [],
  },
];

for (const { name, via, has, hasNot } of STAMPED) {
  test(`Via on arrival: ${name}`, () => {
    const below = viaBelow(new ProxyHarness().feed(options({ via })));
    for (const text of has) assert.ok(below.includes(text), `${text} in ${below}`);
    for (const text of hasNot) assert.ok(!below.includes(text), `no ${text} in ${below}`);
  });
}

for (const maddr of ["victim.example.com", "[2001:db8::1]", "224.0.1.75"]) {
  test(`an answer goes to a numeric address, whatever maddr says: ${maddr} (§18.2.2)`, () => {
    const via = `SIP/2.0/UDP 192.0.2.15;maddr=${maddr};branch=z9hG4bKx`;
    const sent = only(new ProxyHarness().feed(options({ via, more: "Proxy-Require: unheard-of\r\n" })));
    assert.notEqual(isIP(sent.flow.address), 0, sent.flow.address);
  });
}

for (const [name, end] of [
  ["LF", "\n"],
  ["CR", "\r"],
]) {
  test(`a ${name} alone in a header does not pass: a next hop may read a header there that we did not see (§7.3.1)`, () => {
    const more = `Subject: a${end}P-Asserted-Identity: <sip:king@example.com>\r\n`;
    const forwarded = new ProxyHarness()
      .feed(options({ more }))
      .filter(({ text }) => !text.startsWith("SIP/"));
    assert.deepEqual(forwarded, []);
  });
}

test("the version is compared without case (§7.1)", () => {
  viaBelow(new ProxyHarness().feed(options({ startLine: "OPTIONS sip:c@example.com sip/2.0" })));
});

test("a Request-URI that is too long is answered 414 (§21.4.12)", () => {
  const startLine = `OPTIONS sip:${"1".repeat(8_000)}@example.com SIP/2.0`;
  assert.match(only(new ProxyHarness().feed(options({ startLine }))).text, /^SIP\/2\.0 414 /);
});

test("the 400 to a request with a folded Via has the whole Via, so that its sender knows it (§8.2.6.2)", () => {
  const via = "SIP/2.0/UDP 192.0.2.15\r\n ;branch=z9hG4bKx";
  const { text } = only(new ProxyHarness().feed(options({ via, more: "Content-Length: -1\r\n" })));
  assert.match(text, /^SIP\/2\.0 400 /);
  assert.equal(parseMessage(text).topVia.branch, "z9hG4bKx");
});

test("a response that has no Via left below ours goes nowhere (§16.7 item 3)", () => {
  const harness = new ProxyHarness();
  const forwarded = only(harness.feed(options({})));
  const answer = asAnswer(
    "SIP/2.0 200 OK\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:c@example.com>;tag=2\r\nCall-ID: x\r\n" +
      "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
    forwarded.text.replace(/\r\nVia: SIP\/2\.0\/UDP 192\.0\.2\.15.*/, ""),
  );
  assert.deepEqual(harness.feed(answer, TARGET), []);
});

for (const fault of [
  { more: "Proxy-Require: unheard-of\r\n" },
  { more: "Content-Length: -1\r\n" },
  { startLine: "ACK abc:d SIP/2.0" },
  { startLine: "ACK sip:c@exa mple.com SIP/2.0" },
  { startLine: "ACK sip:c@example.com SIP/7.0" },
]) {
  test(`an ACK is never answered (§17.1.1.3): ${JSON.stringify(fault)}`, () => {
    const request = options({ startLine: "ACK sip:c@example.com SIP/2.0", cseq: "1 ACK", ...fault });
    const answers = new ProxyHarness().feed(request).filter(({ text }) => text.startsWith("SIP/"));
    assert.deepEqual(answers, []);
  });
}
