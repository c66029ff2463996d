import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseRedisUrl, parseSentinel } from "../../../src/config/redis-address.ts";
import { redisConfigFrom, redisSchema } from "../../../src/config/redis-schema.ts";

const login = (username: string | null, password: string | null) => ({ username, password });
const NOBODY = login(null, null);

describe("redis.url", () => {
  const at = (host: string, port = 6_379) => ({
    server: { host, port },
    login: NOBODY,
    database: 0,
    isTls: false,
  });
  const rows = [
    { url: "redis://10.0.0.5", want: at("10.0.0.5") },
    { url: "redis://10.0.0.5:6380/2", want: { ...at("10.0.0.5", 6_380), database: 2 } },
    { url: "redis://:p%40ss@redis.example", want: { ...at("redis.example"), login: login(null, "p@ss") } },
    {
      url: "rediss://tandem:secret@redis.example:6390/",
      want: { ...at("redis.example", 6_390), login: login("tandem", "secret"), isTls: true },
    },
    { url: "redis://[2001:db8::5]:6379", want: at("2001:db8::5") },
    { url: "http://10.0.0.5", want: null },
    { url: "redis://", want: null },
    { url: "redis://10.0.0.5/x", want: null },
    { url: "redis://10.0.0.5?db=1", want: null },
    { url: "redis://%zz:x@10.0.0.5", want: null },
    { url: "10.0.0.5:6379", want: null },
  ];
  for (const { url, want } of rows) test(url, () => assert.deepEqual(parseRedisUrl(url), want));
});

describe("redis.sentinels", () => {
  const rows = [
    { text: "10.0.0.5", want: { host: "10.0.0.5", port: 26_379 } },
    { text: "sentinel-a:26380", want: { host: "sentinel-a", port: 26_380 } },
    { text: "[2001:db8::5]:26379", want: { host: "2001:db8::5", port: 26_379 } },
    { text: "sentinel-a:0", want: null },
    { text: "sentinel-a:65536", want: null },
    { text: "redis://sentinel-a", want: null },
  ];
  for (const { text, want } of rows) test(text, () => assert.deepEqual(parseSentinel(text), want));
});

describe("redis", () => {
  const DEFAULTS = { confirm: "off", commandTimeoutMs: 250, flushEveryMs: 5 };
  const rows = [
    {
      name: "a URL and nothing else",
      value: { url: "redis://10.0.0.5" },
      want: {
        at: { kind: "direct", server: { host: "10.0.0.5", port: 6_379 } },
        login: NOBODY,
        database: 0,
        tls: null,
        ...DEFAULTS,
      },
    },
    {
      name: "keys of their own go before those of the URL",
      value: {
        url: "rediss://old:old@redis.example/3",
        username: "tandem",
        password: "secret",
        tls: { ca: "/etc/ca.pem" },
        confirm: "2xx",
        commandTimeout: "1s",
        flushEvery: "2ms",
      },
      want: {
        at: { kind: "direct", server: { host: "redis.example", port: 6_379 } },
        login: login("tandem", "secret"),
        database: 3,
        tls: { ca: "/etc/ca.pem", cert: null, key: null, servername: null },
        confirm: "2xx",
        commandTimeoutMs: 1_000,
        flushEveryMs: 2,
      },
    },
    {
      name: "Sentinels",
      value: { sentinels: ["10.0.0.5", "10.0.0.6:26380"], master: "edge", sentinelPassword: "other" },
      want: {
        at: {
          kind: "sentinel",
          sentinels: [
            { host: "10.0.0.5", port: 26_379 },
            { host: "10.0.0.6", port: 26_380 },
          ],
          master: "edge",
          login: login(null, "other"),
        },
        login: NOBODY,
        database: 0,
        tls: null,
        ...DEFAULTS,
      },
    },
  ];
  for (const { name, value, want } of rows) {
    test(name, () => assert.deepEqual(redisConfigFrom(redisSchema.parse(value)), want));
  }

  const SENTINELS = Array.from({ length: 17 }, (_, index) => `10.0.0.${index}`);
  const mistakes = [
    { name: "neither URL nor Sentinels", value: {}, at: "url" },
    { name: "both", value: { url: "redis://a", sentinels: ["b"], master: "edge" }, at: "url" },
    { name: "Sentinels without the master's name", value: { sentinels: ["b"] }, at: "master" },
    { name: "a master without Sentinels", value: { url: "redis://a", master: "edge" }, at: "master" },
    { name: "no Sentinel", value: { sentinels: [], master: "edge" }, at: "sentinels" },
    {
      name: "more Sentinels than SENTINELS_MAX",
      value: { sentinels: SENTINELS, master: "edge" },
      at: "sentinels",
    },
    { name: "a URL that is none", value: { url: "10.0.0.5" }, at: "url" },
    { name: "a certificate without its key", value: { url: "rediss://a", tls: { cert: "/a" } }, at: "tls" },
    { name: "an unknown confirm", value: { url: "redis://a", confirm: "all" }, at: "confirm" },
    {
      name: "a time-out out of range",
      value: { url: "redis://a", commandTimeout: "20s" },
      at: "commandTimeout",
    },
    { name: "a commit each second", value: { url: "redis://a", flushEvery: "1s" }, at: "flushEvery" },
  ];
  for (const { name, value, at } of mistakes) {
    test(`refused: ${name}`, () => {
      const { error } = redisSchema.safeParse(value);
      assert.deepEqual(
        error?.issues.map(({ path }) => path[0]),
        [at],
      );
    });
  }

  test("SENTINELS_MAX Sentinels are taken", () => {
    assert.ok(redisSchema.safeParse({ sentinels: SENTINELS.slice(1), master: "edge" }).success);
  });
});
