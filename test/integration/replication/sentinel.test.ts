// Three Sentinels and a master that dies: the journal follows to the new one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ActiveNode, StandbyNode, soon } from "./nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

describe("Sentinel", { skip: redisObstacle }, () => {
  test("a failover of Redis that lost the newest writes: they are there again, and the standby has everything", async () => {
    await using master = await RedisServer.start();
    await using replica = await RedisServer.start();
    await replica.ask(["REPLICAOF", "127.0.0.1", String(master.port)]);
    const watch = [
      `sentinel monitor edge 127.0.0.1 ${master.port} 2`,
      "sentinel down-after-milliseconds edge 500",
      "sentinel failover-timeout edge 3000",
    ];
    await using a = await RedisServer.start(watch, { sentinel: true });
    await using b = await RedisServer.start(watch, { sentinel: true });
    await using c = await RedisServer.start(watch, { sentinel: true });
    const sentinels = [a, b, c].map(({ port }) => ({ host: "127.0.0.1", port }));
    const settings = settingsFor(0, {
      at: { kind: "sentinel", sentinels, master: "edge", login: { username: null, password: null } },
    });
    using active = new ActiveNode(settings);
    using standby = new StandbyNode(settings);
    for (let call = 0; call < 200; call++) active.set(`call ${call}`, "1;talks");
    await standby.equals(active, 10_000);
    const known = async (): Promise<boolean> => {
      const answers = await Promise.all(
        [a, b, c].map((sentinel) => sentinel.ask(["SENTINEL", "master", "edge"])),
      );
      return answers.every((answer) => {
        const fields = Array.isArray(answer) ? answer.map(String) : [];
        const field = (name: string): string => fields[fields.indexOf(name) + 1] ?? "";
        return field("num-slaves") === "1" && field("num-other-sentinels") === "2";
      });
    };
    while (!(await known())) await new Promise((resolve) => setTimeout(resolve, 50));

    // What is written now the replica never gets.
    replica.signal("SIGSTOP");
    await master.ask(["CLIENT", "KILL", "TYPE", "replica"]);
    active.set("call 1", "1;changed");
    active.end("call 2");
    active.set("call new", "1;rings");
    await standby.equals(active);
    await master.kill();
    replica.signal("SIGCONT");
    await soon("the master to be missed", () => active.writer.health.state === "away");
    active.set("call later", "1;rings");
    await standby.equals(active, 20_000);
    assert.equal(active.writer.counts.resends, 2);
    assert.equal(await replica.ask(["HLEN", "{tandem:edge}:records"]), active.records.size);
  });
});
