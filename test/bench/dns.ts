// What the resolver costs: a look at a known name on the path of a call, and 1,000 followed names kept fresh.
// Run: node --expose-gc test/bench/dns.ts
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Answer } from "dns-packet";
import { parseConfig } from "../../src/config/load-config.ts";
import type { ServerQuery } from "../../src/dns/location.ts";
import { systemResolver } from "../../src/dns/system-resolver.ts";
import { SystemClock } from "../../src/node/system-clock.ts";
import { answerTo, DnsResponder } from "../support/dns-responder.ts";

const NAMES = 1_000;
const TTL_S = 30;
const PEEKS = 20_000_000;

/** In a process of its own, so that its work is not ours. */
async function serve(): Promise<void> {
  const server = await DnsResponder.start(({ type, name }, query) => {
    const base = { name, ttl: TTL_S };
    const answers: Record<string, Answer> = {
      A: { ...base, type: "A", data: "192.0.2.1" },
      SRV: { ...base, type: "SRV", data: { priority: 1, weight: 1, port: 5060, target: `a.${name}` } },
      NAPTR: {
        ...base,
        type: "NAPTR",
        data: {
          order: 1,
          preference: 1,
          flags: "s",
          services: "SIP+D2U",
          regexp: "",
          replacement: `_sip._udp.${name}`,
        },
      },
    };
    const answer = answers[type];
    return [answerTo(query, answer === undefined ? [] : [answer])];
  });
  process.send?.(server.port);
}

async function measure(port: number): Promise<void> {
  const clock = new SystemClock();
  const dns = parseConfig(`listen: [udp://127.0.0.1]\ndns: { servers: ["127.0.0.1:${port}"] }`, {
    file: "bench",
    env: {},
  }).dns;
  const { resolver, exchange } = systemResolver(dns, {
    clock,
    reach: { transports: ["udp"], families: [4] },
    onChange: () => {},
  });
  const queries = Array.from(
    { length: NAMES },
    (_, i): ServerQuery => ({ host: `n${i}.example`, port: 0, transport: null, secure: false }),
  );
  for (const query of queries) resolver.follow(query);
  await delay(5_000);
  const fresh = queries.filter((query) => resolver.peek(query)?.status === "fresh").length;

  for (const round of ["warm-up", "measured"]) {
    globalThis.gc?.();
    const [heap, start] = [process.memoryUsage().heapUsed, process.hrtime.bigint()];
    let found = 0;
    for (let i = 0; i < PEEKS; i++) {
      const query = queries[i % NAMES];
      if (query !== undefined && resolver.peek(query) !== null) found++;
    }
    const ns = Number(process.hrtime.bigint() - start) / PEEKS;
    const bytes = (process.memoryUsage().heapUsed - heap) / PEEKS;
    console.log(
      `${round}: peek ${ns.toFixed(1)} ns, ${bytes.toFixed(3)} bytes allocated, ${found} of ${PEEKS} found`,
    );
  }

  const before = process.cpuUsage();
  const startedAt = performance.now();
  await delay(TTL_S * 1_000);
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1_000 / (performance.now() - startedAt);
  console.log(
    `${fresh} of ${NAMES} names of NAPTR, SRV and A at TTL ${TTL_S} s: ${(100 * share).toFixed(2)}% of a core ` +
      `(${exchange.counters.timeouts} time-outs, ${resolver.records} questions kept)`,
  );
  resolver.close();
  clock.stop();
}

if (process.argv.includes("--serve")) await serve();
else {
  const server = fork(import.meta.filename, ["--serve"]);
  const [port] = (await once(server, "message")) as [number];
  await measure(port);
  server.kill();
}
