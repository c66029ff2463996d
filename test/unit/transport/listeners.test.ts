import assert from "node:assert/strict";
import type { NetworkInterfaceInfo } from "node:os";
import { describe, test } from "node:test";
import { failureOf, isPort } from "../../../src/transport/failure.ts";
import type { ListenerAddress } from "../../../src/transport/flow.ts";
import { formatListener, ListenError } from "../../../src/transport/listen-error.ts";
import { expandWildcard, isWildcard } from "../../../src/transport/wildcard.ts";

function systemError(code: string): Error {
  return Object.assign(new Error(`bind ${code}`), { code });
}

function info(address: string): NetworkInterfaceInfo {
  const rest = { address, netmask: "", mac: "", internal: false, cidr: null };
  return address.includes(":") ? { ...rest, family: "IPv6", scopeid: 0 } : { ...rest, family: "IPv4" };
}

const listener: ListenerAddress = { transport: "udp", address: "192.0.2.1", port: 5060 };

describe("a listener that can't be opened", () => {
  const rows = [
    { cause: "EADDRINUSE", code: "LISTEN_IN_USE", why: "another program serves it already" },
    { cause: "EADDRNOTAVAIL", code: "LISTEN_NOT_LOCAL", why: "this machine does not have that address" },
    {
      cause: "EACCES",
      code: "LISTEN_FORBIDDEN",
      why: "the operating system forbids it (ports below 1024 need CAP_NET_BIND_SERVICE)",
    },
    { cause: "EMFILE", code: "LISTEN_FAILED", why: "bind EMFILE" },
  ];
  for (const { cause, code, why } of rows) {
    test(cause, () => {
      const error = new ListenError(listener, systemError(cause));
      assert.equal(error.code, code);
      assert.equal(error.message, `cannot listen on udp://192.0.2.1:5060: ${why}`);
    });
  }

  test("IPv6 stands in brackets", () => {
    const address = { transport: "tcp", address: "2001:db8::1", port: 5060 } as const;
    assert.equal(formatListener(address), "tcp://[2001:db8::1]:5060");
  });
});

describe("what a system error means to the proxy", () => {
  const rows = [
    ["ECONNREFUSED", "refused"],
    ["ECONNRESET", "refused"],
    ["EMSGSIZE", "too-large"],
    ["ETIMEDOUT", "timeout"],
    ["ENOBUFS", "overflow"],
    ["EPERM", "unreachable"],
    ["ENETUNREACH", "unreachable"],
    ["EHOSTUNREACH", "unreachable"],
    ["EADDRNOTAVAIL", "unreachable"],
    ["", "unreachable"],
  ] as const;
  for (const [code, failure] of rows)
    test(`${code || "none"}: ${failure}`, () => assert.equal(failureOf(systemError(code)), failure));

  test("ports", () => {
    assert.deepEqual([0, 1, 65_535, 65_536, -1, 1.5, Number.NaN].map(isPort), [
      false,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe("a wildcard becomes the machine's addresses", () => {
  const interfaces = {
    lo: [info("127.0.0.1"), info("::1")],
    eth0: [info("192.0.2.1"), info("192.0.2.2"), info("2001:db8::1"), info("fe80::1")],
    eth1: [info("192.0.2.1")],
    gone: undefined,
  };
  const rows = [
    { name: "IPv4", address: "0.0.0.0", wanted: ["127.0.0.1", "192.0.2.1", "192.0.2.2"] },
    { name: "IPv6, without link-local ones", address: "::", wanted: ["::1", "2001:db8::1"] },
    { name: "a plain address stays", address: "198.51.100.1", wanted: ["198.51.100.1"] },
  ];
  for (const { name, address, wanted } of rows) {
    test(name, () => {
      const expected = wanted.map((address) => ({ ...listener, address }));
      assert.deepEqual(expandWildcard({ ...listener, address }, interfaces), expected);
    });
  }

  test("none where the family is missing", () => {
    assert.deepEqual(expandWildcard({ ...listener, address: "::" }, { eth0: [info("192.0.2.1")] }), []);
  });

  test("spellings", () => {
    const spellings = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "0::0", "::1", "127.0.0.1", "10.0.0.0"];
    assert.deepEqual(spellings.map(isWildcard), [true, true, true, true, false, false, false]);
  });
});
