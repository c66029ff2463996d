import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SipParseError } from "../../../src/sip/message/parse-error.ts";
import {
  addressOf,
  endOfHost,
  formatUri,
  hostOf,
  isNumericHost,
  parseUri,
  type SipUri,
  schemeOf,
  uriParam,
} from "../../../src/sip/uri.ts";

const PLAIN: SipUri = { scheme: "sip", user: "", password: "", host: "", port: 0, params: "", headers: "" };

describe("URIs that are read (RFC 3261 §19.1, RFC 3966 §3)", () => {
  const rows: { text: string; is: Partial<SipUri>; written?: string }[] = [
    { text: "sip:3G-Gw.Example.1", is: { host: "3g-gw.example.1" }, written: "sip:3g-gw.example.1" },
    { text: "sip:example.com", is: { host: "example.com" } },
    { text: "sip:alice@example.com", is: { user: "alice", host: "example.com" } },
    {
      text: "SIPS:alice@Example.COM:5061",
      is: { scheme: "sips", user: "alice", host: "example.com", port: 5061 },
      written: "sips:alice@example.com:5061",
    },
    { text: "sip:alice:secret@h", is: { user: "alice", password: "secret", host: "h" } },
    { text: "sip:alice:@h", is: { user: "alice", host: "h" }, written: "sip:alice@h" },
    { text: "sip:a%20b%40c@h", is: { user: "a%20b%40c", host: "h" } },
    { text: "sip:a:%3a@h", is: { user: "a", password: "%3a", host: "h" } },
    { text: "sip:+1-555;phone-context=x@h", is: { user: "+1-555;phone-context=x", host: "h" } },
    { text: "sip:&=+$,;?/@h", is: { user: "&=+$,;?/", host: "h" } },
    { text: "sip:192.0.2.1:1", is: { host: "192.0.2.1", port: 1 } },
    { text: "sip:192.0.2.1:65535", is: { host: "192.0.2.1", port: 65_535 } },
    { text: "sip:[2001:DB8::1]", is: { host: "[2001:db8::1]" }, written: "sip:[2001:db8::1]" },
    { text: "sip:a@[::ffff:192.0.2.1]:5070", is: { user: "a", host: "[::ffff:192.0.2.1]", port: 5_070 } },
    { text: "sip:h;lr", is: { host: "h", params: ";lr" } },
    { text: "sip:h;transport=TCP;lr", is: { host: "h", params: ";transport=TCP;lr" } },
    { text: "sip:h;x=%41;[y]=/:&+$", is: { host: "h", params: ";x=%41;[y]=/:&+$" } },
    { text: "sip:h?Subject=a%20b&x=", is: { host: "h", headers: "?Subject=a%20b&x=" } },
    {
      text: "sip:u@h:5060;lr?a=b",
      is: { user: "u", host: "h", port: 5_060, params: ";lr", headers: "?a=b" },
    },
    { text: "sip:some_host.example", is: { host: "some_host.example" } },
    { text: "tel:+1-201-555-0123", is: { scheme: "tel", user: "+1-201-555-0123" } },
    {
      text: "TEL:7042;phone-context=example.com",
      is: { scheme: "tel", user: "7042", params: ";phone-context=example.com" },
      written: "tel:7042;phone-context=example.com",
    },
    { text: "tel:(01).22*#aF", is: { scheme: "tel", user: "(01).22*#aF" } },
  ];
  for (const { text, is, written = text } of rows) {
    test(text, () => {
      const uri = parseUri(text);
      assert.deepEqual(uri, { ...PLAIN, ...is });
      assert.equal(formatUri(uri), written);
    });
  }
});

describe("URIs that are refused with 400", () => {
  const rows = [
    { name: "another scheme", text: "http://example.com", offset: 0 },
    { name: "no scheme", text: "example.com", offset: 0 },
    { name: "nothing", text: "", offset: 0 },
    { name: "no host", text: "sip:", offset: 4 },
    { name: "no host behind the user", text: "sip:alice@", offset: 10 },
    { name: "an empty user", text: "sip:@h", offset: 4 },
    { name: "an empty user with password", text: "sip::p@h", offset: 4 },
    { name: "a space in the user", text: "sip:a b@h", offset: 5 },
    { name: "an escape cut short", text: "sip:a%2@h", offset: 5 },
    { name: "an escape that is no hexadecimal", text: "sip:a%zz@h", offset: 5 },
    { name: "a colon in the password", text: "sip:a:b:c@h", offset: 7 },
    { name: "two @", text: "sip:a@b@c", offset: 7 },
    { name: "port 0", text: "sip:h:0", offset: 6 },
    { name: "port 65536", text: "sip:h:65536", offset: 6 },
    { name: "an empty port", text: "sip:h:", offset: 6 },
    { name: "a port with letters", text: "sip:h:50a", offset: 8 },
    { name: "IPv6 without its ]", text: "sip:[2001:db8::1", offset: 4 },
    { name: "IPv6 with a letter", text: "sip:[2001:dg8::1]", offset: 4 },
    { name: "empty brackets", text: "sip:[]", offset: 4 },
    { name: "a parameter without a name", text: "sip:h;", offset: 6 },
    { name: "a parameter of = alone", text: "sip:h;=x", offset: 6 },
    { name: "a parameter without its value", text: "sip:h;x=", offset: 8 },
    { name: "a quote in a parameter", text: 'sip:h;x="y"', offset: 8 },
    { name: "a space behind it", text: "sip:h ", offset: 5 },
    { name: "a bracket behind it", text: "sip:h>", offset: 5 },
    { name: "a bad character in its headers", text: "sip:h?a=<", offset: 8 },
    { name: "tel without number", text: "tel:", offset: 4 },
    { name: "tel with a letter beyond f", text: "tel:+1g", offset: 6 },
    { name: "tel with + inside", text: "tel:1+2", offset: 5 },
    { name: "tel with text behind its parameters", text: "tel:1;a=b c", offset: 9 },
  ];
  for (const { name, text, offset } of rows) {
    test(`${name}: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseUri(text),
        (error) => {
          assert.ok(error instanceof SipParseError);
          assert.deepEqual(
            { code: error.code, status: error.status, offset: error.offset },
            { code: "SIP_HEADER", status: 400, offset },
          );
          return true;
        },
      );
    });
  }
});

describe("URI parameters", () => {
  const rows: { text: string; name: string; value: string | null }[] = [
    { text: "sip:h;lr", name: "lr", value: "" },
    { text: "sip:h;LR", name: "lr", value: "" },
    { text: "sip:h;lr=on", name: "lr", value: "on" },
    { text: "sip:h;lrx", name: "lr", value: null },
    { text: "sip:h;x=lr", name: "lr", value: null },
    { text: "sip:h", name: "lr", value: null },
    { text: "sip:h;a=1;Transport=TCP;b", name: "transport", value: "TCP" },
    { text: "sip:lr;x=1@h", name: "x", value: null },
  ];
  for (const { text, name, value } of rows) {
    test(`${name} of ${text} is ${value}`, () => assert.equal(uriParam(parseUri(text), name), value));
  }
});

test("the scheme is what stands before the first colon, in lower case", () => {
  assert.deepEqual(["SIP:a", "tel:1", "nonsense", ":a", ""].map(schemeOf), ["sip", "tel", "", "", ""]);
});

test("an address becomes a host part and back", () => {
  for (const [address, host] of [
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "[2001:db8::1]"],
  ] as const) {
    assert.equal(hostOf(address), host);
    assert.equal(addressOf(host), address);
  }
});

test("numeric hosts need no resolver (RFC 3263 §4.1)", () => {
  const numeric = ["192.0.2.1", "0.0.0.0", "255.255.255.255", "[2001:db8::1]"];
  const names = [
    "example.com",
    "192.0.2",
    "192.0.2.256",
    "192.0.2.1.5",
    "192.0.2.",
    "192.0.2.0001",
    "a.b.c.d",
    "",
  ];
  assert.deepEqual(
    numeric.filter((host) => !isNumericHost(host)),
    [],
  );
  assert.deepEqual(names.filter(isNumericHost), []);
});

test("a host ends at the first character it can't have", () => {
  assert.equal(endOfHost("a.b:5060", 0), 3);
  assert.equal(endOfHost("x [::1]:5", 2), 7);
});

describe("numeric hosts: what is no address needs a resolver, and never reaches a socket", () => {
  const rows: readonly [string, boolean][] = [
    ["10.1.0.11", true],
    ["0.0.0.0", true],
    ["010.1.0.11", false],
    ["08.1.1.1", false],
    ["256.1.1.1", false],
    ["1.2.3", false],
    ["[2001:db8::10]", true],
    ["[::ffff:192.0.2.1]", true],
    ["[265535:db8::61]", false],
    ["[:::]", false],
    ["[]", false],
  ];
  for (const [host, numeric] of rows) test(host, () => assert.equal(isNumericHost(host), numeric));
});
