// What a server writes into the topmost Via on arrival (RFC 3261 §18.2.1, RFC 3581 §4).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseVia } from "../../../../src/sip/header/via.ts";
import { stampedVia } from "../../../../src/sip/header/via-stamp.ts";

const V4 = { address: "192.0.2.9", port: 4_711 };

const rows = [
  {
    name: "§18.2.1 sent-by is the source: nothing is added",
    via: "SIP/2.0/UDP 192.0.2.9:5060;branch=z",
    out: "SIP/2.0/UDP 192.0.2.9:5060;branch=z",
  },
  {
    name: "§18.2.1 sent-by is another address: received",
    via: "SIP/2.0/UDP 10.0.0.1:5060;branch=z",
    out: "SIP/2.0/UDP 10.0.0.1:5060;branch=z;received=192.0.2.9",
  },
  {
    name: "§18.2.1 sent-by is a name: received",
    via: "SIP/2.0/UDP phone.example;branch=z",
    out: "SIP/2.0/UDP phone.example;branch=z;received=192.0.2.9",
  },
  {
    name: "RFC 3581 §4 rport asked for: filled in, and received even where sent-by is the source",
    via: "SIP/2.0/UDP 192.0.2.9:5060;branch=z;rport",
    out: "SIP/2.0/UDP 192.0.2.9:5060;branch=z;rport=4711;received=192.0.2.9",
  },
  {
    name: "RFC 3581 §4 rport in the middle, in capitals",
    via: "SIP/2.0/UDP 10.0.0.1;RPORT;branch=z",
    out: /^SIP\/2\.0\/UDP 10\.0\.0\.1;rport=4711;(?:received=192\.0\.2\.9;branch=z|branch=z;received=192\.0\.2\.9)$/i,
  },
  {
    name: "a received that the sender wrote itself is not believed",
    via: "SIP/2.0/UDP 192.0.2.9;branch=z;received=203.0.113.1",
    out: "SIP/2.0/UDP 192.0.2.9;branch=z",
  },
  {
    name: "a forged received is replaced where sent-by differs",
    via: "SIP/2.0/UDP 10.0.0.1;received=203.0.113.1;branch=z",
    out: "SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.9",
  },
  {
    name: "a forged rport and received are replaced",
    via: "SIP/2.0/UDP 10.0.0.1;rport=1;received=203.0.113.1;branch=z",
    out: "SIP/2.0/UDP 10.0.0.1;rport=4711;branch=z;received=192.0.2.9",
  },
  {
    name: "parameters whose names only begin alike are kept",
    via: "SIP/2.0/UDP 10.0.0.1;received=1.2.3.4;received-by=x;rport.x=1;rportx;branch=z",
    out: "SIP/2.0/UDP 10.0.0.1;received-by=x;rport.x=1;rportx;branch=z;received=192.0.2.9",
  },
  {
    name: "quoted text is no parameter",
    via: 'SIP/2.0/UDP 10.0.0.1;received=1.2.3.4;x=";rport;received=no";branch=z',
    out: 'SIP/2.0/UDP 10.0.0.1;x=";rport;received=no";branch=z;received=192.0.2.9',
  },
  {
    name: "no parameters at all",
    via: "SIP/2.0/UDP 10.0.0.1",
    out: "SIP/2.0/UDP 10.0.0.1;received=192.0.2.9",
  },
];

describe("the Via stamped on arrival", () => {
  for (const { name, via, out } of rows) {
    test(name, () => {
      const stamped = stampedVia(via, parseVia(via, 0, via.length), V4);
      if (typeof out === "string") assert.equal(stamped, out);
      else assert.match(stamped, out);
    });
  }

  test("IPv6: sent-by in brackets is the source without them; received has none (RFC 5118 §4.5)", () => {
    const source = { address: "2001:db8::9", port: 5_060 };
    const same = "SIP/2.0/UDP [2001:db8::9]:5060;branch=z";
    assert.equal(stampedVia(same, parseVia(same, 0, same.length), source), same);
    const other = "SIP/2.0/UDP [2001:db8::1];branch=z";
    const stamped = stampedVia(other, parseVia(other, 0, other.length), source);
    assert.equal(stamped, `${other};received=2001:db8::9`);
    assert.equal(parseVia(stamped, 0, stamped.length).received, "2001:db8::9");
  });

  test("only the topmost of a line is stamped", () => {
    const text = "SIP/2.0/UDP 10.0.0.1;branch=a, SIP/2.0/UDP 10.0.0.2;rport;branch=b";
    const via = parseVia(text, 0, text.length);
    assert.equal(stampedVia(text, via, V4), "SIP/2.0/UDP 10.0.0.1;branch=a;received=192.0.2.9");
  });

  test("a stamp stamped again is the same: a retransmission gets the same answer", () => {
    for (const { via } of rows) {
      const once = stampedVia(via, parseVia(via, 0, via.length), V4);
      const twice = stampedVia(once, parseVia(once, 0, once.length), V4);
      const params = (text: string) => text.toLowerCase().split(";").toSorted();
      assert.deepEqual(params(twice), params(once), via);
    }
  });
});
