import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { openHosts, parseHosts } from "../../../src/dns/hosts-file.ts";
import { parseResolvConf } from "../../../src/dns/resolv-conf.ts";

const server = (address: string) => ({ address, port: 53 });

describe("resolv.conf(5)", () => {
  const rows = [
    {
      name: "nothing: the server of this machine",
      text: "",
      servers: ["127.0.0.1"],
      timeoutMs: null,
      attempts: null,
    },
    {
      name: "servers, options, comments; search lists are not for SIP domains",
      text: "# x\nsearch corp.example\nnameserver 10.0.0.53\nnameserver 2001:DB8::53 ; y\noptions ndots:2 timeout:3 attempts:1\n",
      servers: ["10.0.0.53", "2001:db8::53"],
      timeoutMs: 3_000,
      attempts: 1,
    },
    {
      name: "what is no address is passed over",
      text: "nameserver ns.example\nnameserver\nnameserver fe80::1%eth0\nnameserver 10.0.0.53",
      servers: ["10.0.0.53"],
      timeoutMs: null,
      attempts: null,
    },
    {
      name: "timeout 30 s and 5 attempts at most, as the system's resolver has it",
      text: "nameserver 10.0.0.53\noptions timeout:31 attempts:6",
      servers: ["10.0.0.53"],
      timeoutMs: 30_000,
      attempts: 5,
    },
    {
      name: "0 counts as 1",
      text: "nameserver 10.0.0.53\noptions timeout:0 attempts:0",
      servers: ["10.0.0.53"],
      timeoutMs: 1_000,
      attempts: 1,
    },
    {
      name: "the ninth server is passed over",
      text: Array.from({ length: 9 }, (_, i) => `nameserver 10.0.0.${i + 1}`).join("\n"),
      servers: Array.from({ length: 8 }, (_, i) => `10.0.0.${i + 1}`),
      timeoutMs: null,
      attempts: null,
    },
  ];
  for (const { name, text, servers, timeoutMs, attempts } of rows) {
    test(name, () => {
      assert.deepEqual(parseResolvConf(text), { servers: servers.map(server), timeoutMs, attempts });
    });
  }
});

describe("hosts(5)", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-hosts-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("names of a line, in any case; comments; lines that are none", () => {
    const hosts = parseHosts(
      "127.0.0.1 localhost\n10.0.0.1\tPBX.example pbx # ours\n10.0.0.2 pbx\nbad pbx\n2001:DB8::1 pbx\n",
    );
    assert.deepEqual(hosts.get("pbx"), ["10.0.0.1", "10.0.0.2", "2001:db8::1"]);
    assert.deepEqual(hosts.get("pbx.example"), ["10.0.0.1"]);
    assert.deepEqual(hosts.get("# ours"), undefined);
  });

  test("read again when it has changed, looked at once a second at most; a file that is gone is an empty one", () => {
    let now = 0;
    const path = join(folder, "hosts");
    const hosts = openHosts(path, () => now);
    assert.equal(hosts.addresses("pbx"), null);
    writeFileSync(path, "10.0.0.1 pbx\n");
    now = 999;
    assert.equal(hosts.addresses("pbx"), null);
    now = 1_000;
    assert.deepEqual(hosts.addresses("pbx"), ["10.0.0.1"]);
    writeFileSync(`${path}.new`, "10.0.0.9 pbx\n");
    renameSync(`${path}.new`, path);
    now = 2_000;
    assert.deepEqual(hosts.addresses("pbx"), ["10.0.0.9"]);
    rmSync(path);
    now = 3_000;
    assert.equal(hosts.addresses("pbx"), null);
  });
});
