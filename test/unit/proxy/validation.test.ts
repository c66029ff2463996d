// RFC 3261 §16.1 to §16.3: what a request must be before it is forwarded.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CALLER,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  type RequestParts,
  request,
} from "../../support/proxy-world.ts";

interface Row {
  readonly name: string;
  readonly method?: string;
  readonly parts: Partial<RequestParts>;
  /** Status of the answer; null: forwarded. */
  readonly answer: number | null;
}

const ROWS: readonly Row[] = [
  { name: "16.3 item 1: To twice", parts: { more: ["To: <sip:eve@example.com>"] }, answer: 400 },
  { name: "16.3 item 1: Max-Forwards twice", parts: { more: ["Max-Forwards: 3"] }, answer: 400 },
  { name: "16.3 item 1: CSeq of another method", parts: { cseqMethod: "BYE" }, answer: 400 },
  { name: "16.3 item 1: an empty Call-ID", parts: { callId: "" }, answer: 400 },
  { name: "16.3 item 1: CSeq beyond 2**31-1", parts: { cseq: 2_147_483_648 }, answer: 400 },
  { name: "16.3 item 1: Max-Forwards is no number", parts: { maxForwards: "many" }, answer: 400 },
  { name: "16.3 item 1: Max-Forwards beyond 255", parts: { maxForwards: "256" }, answer: 400 },
  {
    name: "16.3 item 1: a Route without its bracket",
    parts: { more: ["Route: <sip:a.example"] },
    answer: 400,
  },
  {
    name: "16.3 item 1: a Via below without branch and host, where none can be ours: not read, not ours to mend",
    parts: { more: ["Via: SIP/2.0/UDP"] },
    answer: null,
  },
  {
    name: "16.3 item 1: a Via below without branch and host, where one may be ours",
    parts: { more: ["Via: SIP/2.0/UDP", "Via: SIP/2.0/UDP a.example;branch=z9hG4bK1"] },
    answer: 400,
  },
  {
    name: "16.3 item 1: a Request-URI with headers",
    parts: { uri: "sip:b@edge.example?Subject=x" },
    answer: 400,
  },
  { name: "16.3 item 1: a Request-URI without scheme", parts: { uri: "bob" }, answer: 400 },
  { name: "16.3 item 1: a malformed Request-URI", parts: { uri: "sip:bob@@edge.example" }, answer: 400 },
  {
    name: "16.3 item 1: a malformed Date is not ours to mend",
    parts: { more: ["Date: tomorrow"] },
    answer: null,
  },
  { name: "16.3 item 1: an unknown header", parts: { more: ['X-Colour: "red'] }, answer: null },
  { name: "16.3 item 1: an unknown method", method: "FROBNICATE", parts: {}, answer: null },
  { name: "16.3 item 2: http:", parts: { uri: "http://edge.example/" }, answer: 416 },
  { name: "16.3 item 2: sips: while no TLS is here", parts: { uri: "sips:bob@edge.example" }, answer: 416 },
  { name: "16.3 item 2: sip: in any case of letters", parts: { uri: "SIP:bob@edge.example" }, answer: null },
  { name: "16.3 item 2: tel:", parts: { uri: "tel:+1-555-123-4567" }, answer: null },
  { name: "16.3 item 3: none", parts: { maxForwards: "" }, answer: null },
  { name: "16.3 item 3: 1", parts: { maxForwards: "1" }, answer: null },
  { name: "16.3 item 3: 0", parts: { maxForwards: "0" }, answer: 483 },
  { name: "16.3 item 3: 0 in a BYE", method: "BYE", parts: { maxForwards: "0", toTag: "b1" }, answer: 483 },
  {
    name: "16.3 item 3: OPTIONS with 0 ends here",
    method: "OPTIONS",
    parts: { maxForwards: "0" },
    answer: 200,
  },
  { name: "16.3 item 5: an option that is not known", parts: { more: ["Proxy-Require: foo"] }, answer: 420 },
  { name: "16.3 item 5: an empty list", parts: { more: ["Proxy-Require:"] }, answer: null },
  { name: "16.3 item 5: Require is the callee's", parts: { more: ["Require: foo"] }, answer: null },
  { name: "16.3 item 6: no credentials are asked for", parts: {}, answer: null },
  {
    name: "16.3 item 6: credentials for somebody else go on",
    parts: { more: ['Proxy-Authorization: Digest realm="other"'] },
    answer: null,
  },
];

describe("request validation", () => {
  for (const { name, method = "INVITE", parts, answer } of ROWS) {
    test(name, () => {
      const world = new ProxyWorld();
      const sent = world.receive(request(method, parts));
      if (answer === null) assert.equal(outline(sent)[0], `${method} pbx1`);
      else assert.deepEqual(outline(sent), [`${answer} caller`]);
      if (answer !== null) assert.ok(world.idle, "no state is kept for what is refused");
      if (answer !== null) assert.notEqual(sent[0]?.message.toTag, "", "8.2.6.2: a To tag");
    });
  }

  test("16.3 item 5: Unsupported lists every option of every line", () => {
    const world = new ProxyWorld();
    const more = ["Proxy-Require: foo, bar", "Proxy-Require: baz"];
    const refused = only(world.receive(request("INVITE", { more })), "420");
    assert.deepEqual(linesOf(refused.message, "unsupported"), ["foo, bar, baz"]);
  });

  test("16.3: merged requests are no error: the same call by two ways is forwarded twice", () => {
    const world = new ProxyWorld();
    const one = world.invite();
    const two = world.invite({ via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother;rport" });
    assert.notEqual(one.message.topVia.branch, two.message.topVia.branch);
  });

  test("16.1: a malformed request is answered by the proxy as a UAS, and the answer to a retransmission is the same", () => {
    const world = new ProxyWorld();
    const bad = request("INVITE", { cseqMethod: "BYE" });
    const [first] = world.receive(bad);
    const [again] = world.receive(bad);
    assert.equal(first?.text, again?.text);
    assert.equal(first?.message.status, 400);
  });

  test("16.2: an INVITE is answered 100 at once and before it is forwarded; no To tag is added", () => {
    const world = new ProxyWorld();
    const sent = world.receive(request("INVITE"));
    assert.deepEqual(outline(sent), ["INVITE pbx1", "100 caller"]);
    assert.equal(sent[0]?.message.toTag, "");
    assert.equal(sent[0]?.at, 1_000);
  });

  test("16.2: no 100 for a non-INVITE request", () => {
    assert.deepEqual(outline(new ProxyWorld().receive(request("MESSAGE"))), ["MESSAGE pbx1"]);
  });

  test("16.2: retransmissions are the server transaction's: the last provisional again, nothing forwarded", () => {
    const world = new ProxyWorld();
    world.invite();
    assert.deepEqual(outline(world.receive(request("INVITE"))), ["100 caller"]);
    assert.equal(world.count("retransmission.absorbed"), 1);
  });

  test("16.2: a retransmission of a non-INVITE request without an answer yet is dropped", () => {
    const world = new ProxyWorld();
    world.receive(request("MESSAGE"));
    assert.deepEqual(world.receive(request("MESSAGE")), []);
  });

  test("16.2: a sender of RFC 2543, without the cookie, is matched by its fields and its address", () => {
    const world = new ProxyWorld();
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=1";
    assert.deepEqual(outline(world.receive(request("INVITE", { via }))), ["INVITE pbx1", "100 caller"]);
    assert.deepEqual(outline(world.receive(request("INVITE", { via }))), ["100 caller"]);
    const other = { ...CALLER, address: "192.0.2.2" };
    assert.deepEqual(outline(world.receive(request("INVITE", { via }), other)).slice(0, 1), ["INVITE pbx1"]);
  });
});

describe("messages that do not parse", () => {
  const rows = [
    {
      name: "another version of SIP: 505",
      text: request("INVITE").replace("SIP/2.0\r", "SIP/3.0\r"),
      answer: 505,
    },
    {
      name: "a Request-URI beyond its limit: 414",
      text: request("INVITE", { uri: `sip:${"a".repeat(3_000)}@x` }),
      answer: 414,
    },
    {
      name: "a header section beyond its limit: 513",
      text: request("INVITE", { more: [`X: ${"a".repeat(33_000)}`] }),
      answer: 513,
    },
    {
      name: "a body shorter than it says: 400",
      text: request("INVITE").replace("Length: 0", "Length: 9"),
      answer: 400,
    },
    { name: "an ACK is never answered", text: request("ACK").replace("SIP/2.0\r", "SIP/3.0\r"), answer: 0 },
    {
      name: "no Via: there is nobody to answer",
      text: request("INVITE").replace(/Via:.*\r\n/, ""),
      answer: 0,
    },
    { name: "a response without a header end", text: "SIP/2.0 200 OK\r\nVia: x\r\n", answer: 0 },
    {
      name: "a response with a malformed CSeq",
      text: "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKx\r\nCSeq: x\r\n\r\n",
      answer: 0,
    },
    { name: "not SIP at all", text: "GET / HTTP/1.1\r\n\r\n", answer: 0 },
    { name: "nothing", text: "", answer: 0 },
  ];
  for (const { name, text, answer } of rows) {
    test(name, () => {
      const world = new ProxyWorld();
      assert.deepEqual(outline(world.receive(text)), answer === 0 ? [] : [`${answer} caller`]);
      const counted = Object.keys(world.proxy.status().counters).filter((key) => key.startsWith("malformed"));
      assert.notEqual(counted.length, 0);
      assert.ok(world.idle);
    });
  }
});

describe("streams", () => {
  const phone = { ...CALLER, transport: "tcp" as const, listener: 1, connection: 5 };
  const via = "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKtcp";
  test("16.3 item 1: a body without Content-Length on a stream (§18.3)", () => {
    const text = request("INVITE", { via, body: "v=0\r\n" }).replace(/Content-Length.*\r\n/, "");
    assert.deepEqual(outline(new ProxyWorld().receive(text, phone)), ["400 tcp:192.0.2.1:5060"]);
  });
  test("16.3 item 1: an empty URI", () => {
    const text = request("INVITE").replace("<sip:bob@edge.example>", "<>");
    assert.deepEqual(outline(new ProxyWorld().receive(text)), ["400 caller"]);
  });
});

describe("unknown sources", () => {
  const stranger = { ...CALLER, address: "203.0.113.9" };
  test("an INVITE is refused and counted: no open relay", () => {
    const world = new ProxyWorld();
    const [refused, ...rest] = world.receive(request("INVITE"), stranger);
    assert.deepEqual([refused?.message.status, rest.length], [403, 0]);
    assert.equal(refused?.to, "udp:203.0.113.9:5060");
    assert.equal(world.count("refused.403.unknown-source"), 1);
    assert.ok(world.idle);
  });
  test("OPTIONS too", () => {
    const [refused] = new ProxyWorld().receive(request("OPTIONS", { uri: "sip:edge.example" }), stranger);
    assert.equal(refused?.message.status, 403);
  });
  test("a known source that no rule names gets 404", () => {
    const [refused] = new ProxyWorld().receive(request("INVITE"), pbx(1));
    assert.equal(refused?.message.status, 404);
  });
});
