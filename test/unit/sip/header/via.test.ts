import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { endOfValue, parseVia, type Via } from "../../../../src/sip/header/via.ts";
import { refused } from "./refused.ts";

type Read = Pick<Via, "transport" | "host" | "port" | "branch" | "received" | "rport" | "maddr">;
const PLAIN: Read = {
  transport: "UDP",
  host: "h",
  port: 0,
  branch: "",
  received: "",
  rport: null,
  maddr: null,
};

describe("Via values that are read (RFC 3261 §20.42, RFC 3581 §3)", () => {
  const rows: { text: string; is: Partial<Read>; end?: number }[] = [
    { text: "SIP/2.0/UDP h", is: {} },
    { text: "SIP/2.0/UDP h;branch=z9hG4bK1", is: { branch: "z9hG4bK1" } },
    {
      text: "SIP/2.0/tcp Host.Example:5070;rport",
      is: { transport: "TCP", host: "host.example", port: 5_070, rport: "" },
    },
    {
      text: "SIP / 2.0 / UDP h : 5060 ; branch = z ; rport = 1",
      is: { port: 5_060, branch: "z", rport: "1" },
    },
    { text: "sip/2.0/UDP h", is: {} },
    { text: "SIP/2.0/UDP 3G-Gw.Example.1", is: { host: "3g-gw.example.1" } },
    { text: "SIP/2.0/UDP 192.0.2.1", is: { host: "192.0.2.1" } },
    { text: "SIP/2.0/UDP\r\n h\r\n\t;branch=z", is: { branch: "z" } },
    {
      text: "SIP/2.0/UDP [2001:DB8::9:1]:6050;received=2001:db8::9:255",
      is: { host: "[2001:db8::9:1]", port: 6_050, received: "2001:db8::9:255" },
    },
    { text: "SIP/2.0/UDP h;received=[2001:db8::1]", is: { received: "[2001:db8::1]" } },
    { text: "SIP/2.0/UDP h;maddr=239.255.255.1;ttl=16", is: { maddr: "239.255.255.1" } },
    { text: 'SIP/2.0/UDP h;x="a,b;branch=no";branch=yes', is: { branch: "yes" } },
    {
      text: "SIP/2.0/UDP h;BRANCH=z;RPort=9;Received=192.0.2.1",
      is: { branch: "z", rport: "9", received: "192.0.2.1" },
    },
    { text: "SIP/2.0/UDP h;branch=a , SIP/2.0/TCP i;branch=b", is: { branch: "a" }, end: 22 },
    { text: "SIP/2.0/TLS-SCTP h:65535", is: { transport: "TLS-SCTP", port: 65_535 } },
  ];
  for (const { text, is, end = text.length } of rows) {
    test(JSON.stringify(text), () => {
      const via = parseVia(text, 0, text.length);
      const { transport, host, port, branch, received, rport, maddr } = via;
      assert.deepEqual({ transport, host, port, branch, received, rport, maddr }, { ...PLAIN, ...is });
      assert.deepEqual([via.start, via.end], [0, end]);
    });
  }

  test("the second value of a line is read from behind the comma", () => {
    const text = "SIP/2.0/UDP h;branch=a, SIP/2.0/TCP i:1;branch=b";
    const first = parseVia(text, 0, text.length);
    const second = parseVia(text, first.end + 1, text.length);
    assert.deepEqual(
      [second.host, second.branch, text.slice(second.start, second.sentByEnd)],
      ["i", "b", "SIP/2.0/TCP i:1"],
    );
  });
});

describe("Via values that are refused with 400", () => {
  const rows = [
    { name: "nothing", text: "" },
    { name: "another protocol", text: "HTTP/1.1/TCP h" },
    { name: "another version", text: "SIP/3.0/UDP h" },
    { name: "a version without its slash", text: "SIP/2.0 UDP h" },
    { name: "no transport", text: "SIP/2.0/ h" },
    { name: "no sent-by", text: "SIP/2.0/UDP" },
    { name: "no space before sent-by", text: "SIP/2.0/UDP[::1]" },
    { name: "no host before the parameters", text: "SIP/2.0/UDP ;branch=a" },
    { name: "port 0", text: "SIP/2.0/UDP h:0" },
    { name: "port 65536", text: "SIP/2.0/UDP h:65536" },
    { name: "an empty port", text: "SIP/2.0/UDP h:;branch=a" },
    { name: "IPv6 without its ]", text: "SIP/2.0/UDP [::1;branch=a" },
    { name: "text behind sent-by", text: "SIP/2.0/UDP h x;branch=a" },
    { name: "a parameter without a name", text: "SIP/2.0/UDP h;;branch=a" },
    { name: "a branch without its value", text: "SIP/2.0/UDP h;branch=" },
    { name: "a quote without its end", text: 'SIP/2.0/UDP h;x="a' },
  ];
  for (const { name, text } of rows) {
    test(name, () => refused(() => parseVia(text, 0, text.length), { code: "SIP_HEADER", status: 400 }));
  }
});

test("a value ends at a comma outside quotes, or where its line does", () => {
  assert.equal(endOfValue('a"b,c\\"d,",e', 0, 12), 10);
  assert.equal(endOfValue("abc,d", 0, 3), 3);
  refused(() => endOfValue('a"b', 0, 3), { offset: 0 });
});
