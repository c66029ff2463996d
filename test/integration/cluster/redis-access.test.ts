// Whole nodes, from a file, with a Redis that is not simply there: behind Sentinels, behind TLS, with a user of few rights.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { freePort, RedisServer, redisObstacle } from "../replication/redis-server.ts";
import { pairPorts, WholeNode } from "./whole-node.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-nodes-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What docs/replication.md asks for, as an operator would copy it. */
function documentedRights(): string[] {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/replication.md"), "utf8");
  const rights = /`~\{tandem:NAME\}:\*` and `([^`]+)`/.exec(page.replaceAll("\n", " "))?.[1];
  assert.ok(rights !== undefined, "docs/replication.md names the rights");
  return rights.split(" ");
}

describe("a Redis behind Sentinels", { skip: redisObstacle }, () => {
  test("with passwords of its own and of theirs: the pair follows a failover, nobody switches, and a takeover works after it", async () => {
    const lines = ["requirepass of-redis", "masterauth of-redis"];
    const options = { password: "of-redis" };
    await using master = await RedisServer.start(lines, options);
    await using replica = await RedisServer.start([...lines, `replicaof 127.0.0.1 ${master.port}`], options);
    const watch = [
      `sentinel monitor edge 127.0.0.1 ${master.port} 2`,
      "sentinel auth-pass edge of-redis",
      "sentinel down-after-milliseconds edge 500",
      "sentinel failover-timeout edge 3000",
      "requirepass of-sentinel",
    ];
    const start = () => RedisServer.start(watch, { sentinel: true, password: "of-sentinel" });
    await using a = await start();
    await using b = await start();
    await using c = await start();
    const hosts = [a, b, c].map(({ port }) => `"127.0.0.1:${port}"`).join(", ");
    const redis = `{ sentinels: [${hosts}], master: edge, password: of-redis, sentinelPassword: of-sentinel }`;
    const at = { folder, ports: await pairPorts(), redis };
    await using first = new WholeNode("edge-a", at);
    const { epoch } = await first.until("edge-a to serve", ({ mayServe }) => mayServe);
    await using second = new WholeNode("edge-b", at);
    await second.until(
      "edge-b to be ready",
      ({ active, notReady, journal }) => active === "edge-a" && notReady === null && journal.inSync,
    );
    while (!(await areKnown([a, b, c]))) await new Promise((resolve) => setTimeout(resolve, 50));

    await master.kill();
    const hasFollowed = (node: WholeNode): boolean => node.lines("Redis is there").length > 1;
    const after = await first.until(
      "the new master",
      ({ journal }) => hasFollowed(first) && journal.uncommitted === 0,
    );
    await second.until(
      "its copy to be whole again",
      ({ journal, notReady }) => hasFollowed(second) && journal.inSync && notReady === null,
    );
    assert.deepEqual([after.role, after.mayServe], ["active", true], first.log);
    assert.ok(after.epoch >= epoch, "epochs only grow");
    for (const node of [first, second])
      assert.equal(node.lines("ready").length, 1, `${node.name} began once:\n${node.log}`);

    first.kill();
    const taken = await second.until("edge-b to take over", ({ mayServe }) => mayServe);
    assert.ok(taken.epoch > after.epoch);
    assert.equal(await replica.ask(["HGET", "{tandem:edge}:lease", "holder"]), "edge-b");
  });
});

async function areKnown(sentinels: readonly RedisServer[]): Promise<boolean> {
  const answers = await Promise.all(sentinels.map((each) => each.ask(["SENTINEL", "master", "edge"])));
  return answers.every((answer) => {
    const fields = Array.isArray(answer) ? answer.map(String) : [];
    const field = (name: string): string => fields[fields.indexOf(name) + 1] ?? "";
    return field("num-slaves") === "1" && field("num-other-sentinels") === "2";
  });
}

/** An authority, and what it signed for the server and for the nodes. */
function certificates(): Readonly<Record<"ca" | "serverKey" | "server" | "nodeKey" | "node", string>> {
  const path = (name: string): string => join(folder, `${name}.pem`);
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: folder });
    assert.equal(status, 0, String(stderr));
  };
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...fresh,
    "-days",
    "1",
    "-keyout",
    path("ca-key"),
    "-out",
    path("ca"),
    "-subj",
    "/CN=authority",
  );
  for (const name of ["redis", "node"]) {
    const alternative = ["-addext", "subjectAltName=IP:127.0.0.1"];
    openssl(
      "req",
      ...fresh,
      "-keyout",
      path(`${name}-key`),
      "-out",
      path(`${name}-asked`),
      "-subj",
      `/CN=${name}`,
      ...alternative,
    );
    const signed = [
      "-CA",
      path("ca"),
      "-CAkey",
      path("ca-key"),
      "-CAcreateserial",
      "-copy_extensions",
      "copy",
      "-days",
      "1",
    ];
    openssl("x509", "-req", "-in", path(`${name}-asked`), "-out", path(name), ...signed);
  }
  return {
    ca: path("ca"),
    serverKey: path("redis-key"),
    server: path("redis"),
    nodeKey: path("node-key"),
    node: path("node"),
  };
}

const noOpenssl = existsSync("/usr/bin/openssl") ? false : "openssl is not installed";

describe("a Redis behind TLS", { skip: redisObstacle || noOpenssl }, () => {
  test("that asks for a certificate, and a user with the documented rights alone: the node serves, and nothing is refused to it", async () => {
    const files = certificates();
    const port = await freePort();
    await using server = await RedisServer.start([
      `tls-port ${port}`,
      `tls-cert-file ${files.server}`,
      `tls-key-file ${files.serverKey}`,
      `tls-ca-cert-file ${files.ca}`,
      "tls-auth-clients yes",
    ]);
    const rights = ["~{tandem:edge}:*", ...documentedRights()];
    await server.ask([
      "ACL",
      "SETUSER",
      "tandem",
      "on",
      ">of-the-user",
      "resetkeys",
      "resetchannels",
      ...rights,
    ]);
    const tls = `{ ca: ${files.ca}, cert: ${files.node}, key: ${files.nodeKey} }`;
    const redis = `{ url: "rediss://127.0.0.1:${port}", username: tandem, password: of-the-user, tls: ${tls} }`;
    const at = { folder: join(folder, "tls"), ports: await pairPorts(), redis };
    await using node = new WholeNode("edge-a", at);
    const status = await node.until(
      "the node to serve",
      ({ mayServe, journal }) => mayServe && journal.uncommitted === 0,
    );
    assert.equal(status.redis, "ok");
    await using standby = new WholeNode("edge-b", at);
    await standby.until(
      "the standby to be ready",
      ({ journal, notReady }) => journal.inSync && notReady === null,
    );
    assert.deepEqual(await server.ask(["ACL", "LOG"]), [], "nothing was refused");
    assert.ok(Number(await server.ask(["LLEN", "{tandem:edge}:history"])) > 0, "the history is there");
  });
});
