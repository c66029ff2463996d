import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseRedisUrl, parseSentinel } from "../../../src/replication/redis-settings.ts";

const TLS = { ca: null, cert: null, key: null, servername: null };
const login = (username: string | null, password: string | null) => ({ username, password });
const at = (host: string, port: number) => ({ kind: "direct", server: { host, port } }) as const;

describe("redis.url", () => {
  const rows = [
    {
      url: "redis://10.0.0.5",
      want: { at: at("10.0.0.5", 6379), login: login(null, null), database: 0, tls: null },
    },
    {
      url: "redis://10.0.0.5:6380/2",
      want: { at: at("10.0.0.5", 6380), login: login(null, null), database: 2, tls: null },
    },
    {
      url: "redis://:p%40ss@redis.example",
      want: { at: at("redis.example", 6379), login: login(null, "p@ss"), database: 0, tls: null },
    },
    {
      url: "rediss://tandem:secret@redis.example:6390/",
      want: { at: at("redis.example", 6390), login: login("tandem", "secret"), database: 0, tls: TLS },
    },
    {
      url: "redis://[2001:db8::5]:6379",
      want: { at: at("2001:db8::5", 6379), login: login(null, null), database: 0, tls: null },
    },
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
