// The resolver on real sockets and files: garbage, forged answers, truncation with a broken TCP, a port where nobody listens.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Answer, decode } from "dns-packet";
import type { DnsConfig } from "../../../src/config/config.ts";
import type { Location } from "../../../src/dns/location.ts";
import { systemResolver } from "../../../src/dns/system-resolver.ts";
import { SystemClock } from "../../../src/node/system-clock.ts";
import { answerTo, DnsResponder } from "../../support/dns-responder.ts";
import { queryFor } from "../../support/dns-world.ts";

const TRUNCATED = 0x200;
const NAME = "pbx.example";
const A: Answer = { type: "A", name: NAME, ttl: 30, data: "192.0.2.1" };

const folder = mkdtempSync(join(tmpdir(), "tandem-dns-"));
const files = { resolvConf: join(folder, "resolv.conf"), hosts: join(folder, "hosts") };
const clock = new SystemClock();

before(() => {
  writeFileSync(files.resolvConf, "nameserver 127.0.0.1\n");
  writeFileSync(files.hosts, "10.0.0.1 local\n");
});
after(() => {
  clock.stop();
  rmSync(folder, { recursive: true, force: true });
});

function open(servers: DnsConfig["servers"], timeoutMs: number | null = 2_000) {
  const config: DnsConfig = {
    servers,
    timeoutMs,
    attempts: 1,
    minTtlMs: 1_000,
    maxTtlMs: 60_000,
    negativeTtlMs: 60_000,
    staleForMs: 60_000,
    firstAnswerWithinMs: 10_000,
  };
  return systemResolver(
    config,
    { clock, reach: { transports: ["udp"], families: [4] }, onChange: () => {} },
    files,
  );
}

const at = (port: number) => ({ address: "127.0.0.1", port });

async function locate(opened: ReturnType<typeof open>, host = NAME): Promise<Location | null> {
  const { resolver } = opened;
  const location = await new Promise<Location | null>((done) => {
    resolver.locate(queryFor(host, { port: 5060 }), done);
  });
  resolver.close();
  return location;
}

const addressesOf = (location: Location | null): string[] =>
  location?.servers.map(({ address }) => address) ?? [];

/** A TCP server on a port of its own. */
async function listenTcp(port: number, serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {}); // the resolver hangs up as soon as it knows
    serve(socket);
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe("answers that are none", () => {
  test("garbage, another id, another name before the right one: counted, and passed over", async () => {
    const server = await DnsResponder.start((_question, query) => [
      Buffer.from("nonsense"),
      answerTo(query, [{ ...A, data: "203.0.113.66" }], { id: (decode(query).id ?? 0) ^ 1 }),
      answerTo(query, [{ ...A, name: "evil.example", data: "203.0.113.66" }], { name: "evil.example" }),
      answerTo(query, [A]),
    ]);
    const opened = open([at(server.port)]);
    assert.deepEqual(addressesOf(await locate(opened)), ["192.0.2.1"]);
    assert.deepEqual([opened.exchange.counters.garbage, opened.exchange.counters.mismatched], [1, 2]);
    server.close();
  });

  test("nothing but garbage: the next server, after the time-out", async () => {
    const bad = await DnsResponder.start(() => [Buffer.from("nonsense")]);
    const good = await DnsResponder.start((_question, query) => [answerTo(query, [A])]);
    assert.deepEqual(addressesOf(await locate(open([at(bad.port), at(good.port)], 200))), ["192.0.2.1"]);
    bad.close();
    good.close();
  });

  test("each question comes from a port of its own, with an id of its own (RFC 5452)", async () => {
    const server = await DnsResponder.start((_question, query) => [answerTo(query, [A])]);
    for (let i = 0; i < 20; i++) await locate(open([at(server.port)]));
    const [ports, ids] = [server.asked.map(({ from }) => from), server.asked.map(({ id }) => id)];
    assert.ok(new Set(ports).size > 15, `ports ${ports.join(" ")}`);
    assert.ok(new Set(ids).size > 15, `ids ${ids.join(" ")}`);
    server.close();
  });
});

test("a port where nobody listens: the next server at once, by ICMP", async () => {
  const gone = await DnsResponder.start(() => []);
  gone.close();
  const good = await DnsResponder.start((_question, query) => [answerTo(query, [A])]);
  const startedAt = performance.now();
  assert.deepEqual(addressesOf(await locate(open([at(gone.port), at(good.port)], 5_000))), ["192.0.2.1"]);
  assert.ok(performance.now() - startedAt < 4_000);
  good.close();
});

test("an address that the system does not send to: failed, with the system's reason", async () => {
  const location = await locate(open([{ address: "255.255.255.255", port: 53 }], 500));
  assert.equal(location?.status, "failed");
  assert.match(location.reason, /A of pbx\.example: 255\.255\.255\.255:53: /);
});

describe("truncated", () => {
  const rows: { name: string; serve: (socket: Socket, query: Buffer) => void; addresses: string[] }[] = [
    {
      name: "whole by TCP, in pieces, with garbage before it",
      serve: (socket, query) => {
        const answer = answerTo(query, [A]);
        const framed = Buffer.concat([
          Buffer.from([0, 3, 1, 2, 3]),
          Buffer.from([answer.length >> 8, answer.length & 255]),
          answer,
        ]);
        for (const byte of framed) socket.write(Buffer.from([byte]));
      },
      addresses: ["192.0.2.1"],
    },
    {
      name: "whole by TCP, later than it came to the server",
      serve: (socket, query) => {
        const answer = answerTo(query, [A]);
        const framed = Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]);
        setTimeout(() => socket.write(framed), 50);
      },
      addresses: ["192.0.2.1"],
    },
    { name: "the connection ends: failed", serve: (socket) => socket.end(), addresses: [] },
    { name: "the connection is reset: failed", serve: (socket) => socket.resetAndDestroy(), addresses: [] },
    {
      name: "half an answer, then silence: failed by the time-out",
      serve: (socket) => socket.write(Buffer.from([1, 0, 1])),
      addresses: [],
    },
  ];
  for (const { name, serve, addresses } of rows) {
    test(name, async () => {
      const udp = await DnsResponder.start((_question, query) => [answerTo(query, [], { flags: TRUNCATED })]);
      const sockets: Socket[] = [];
      const tcp = await listenTcp(udp.port, (socket) => {
        sockets.push(socket);
        socket.once("data", (bytes: Buffer) => serve(socket, bytes.subarray(2)));
      });
      const opened = open([at(udp.port)], 500);
      const location = await locate(opened);
      assert.deepEqual(addressesOf(location), addresses, location?.reason);
      assert.equal(opened.exchange.counters.truncated, 1);
      for (const socket of sockets) socket.destroy();
      tcp.close();
      udp.close();
    });
  }
});

describe("the files of the system", () => {
  test("the hosts file comes first", async () => {
    assert.deepEqual(addressesOf(await locate(open([at(9)]), "local")), ["10.0.0.1"]);
  });

  test("without dns.servers resolv.conf says who is asked, and how long it is waited for", async () => {
    writeFileSync(files.resolvConf, "nameserver 255.255.255.255\noptions timeout:1 attempts:1\n");
    const location = await locate(open([], null));
    assert.match(location?.reason ?? "", /^A of pbx\.example: 255\.255\.255\.255:53: /);
  });
});
