// The watch over a real loop and a real socket queue: it sees both overloads, and their end.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { type OverloadBounds, OverloadWatch } from "../../../src/node/overload.ts";
import { until } from "../../lab/until.ts";

const ADDRESS = "127.0.0.1";
const SEEN_WITHIN_MS = 20_000;
const NEVER: OverloadBounds = { loopDelayMs: 1_000_000, queueBytes: 1_000_000_000 };

/** A watch over a UDP port, and the levels that it has told. */
function watch(bounds: OverloadBounds, port: number, receiveBufferBytes = 1_000_000_000) {
  const told: number[] = [];
  const said: string[] = [];
  const at = new OverloadWatch(bounds, {
    listeners: [{ transport: "udp", address: ADDRESS, port }],
    receiveBufferBytes,
    shed: (level) => told.push(level),
    log: { warn: (_fields, text) => said.push(text) },
  });
  return { at, told, said };
}

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Keeps the loop busy in pieces of `ms`, until it is told to stop. */
function busy(ms: number): () => void {
  let next = setImmediate(work);
  function work(): void {
    spin(ms);
    next = setImmediate(work);
  }
  return () => clearImmediate(next);
}

test("a loop that is late: more and more is refused; in time again, all is let in; both are said once", async () => {
  const { at, told, said } = watch({ ...NEVER, loopDelayMs: 50 }, 5060);
  const stop = busy(250);
  await until(
    "a third look",
    SEEN_WITHIN_MS,
    () => (told.length >= 3 ? true : null),
    () => told.join(),
  );
  stop();
  assert.ok(
    told.every((level, index) => level > (told[index - 1] ?? 0)),
    told.join(),
  );
  await until(
    "the end",
    SEEN_WITHIN_MS,
    () => (told.at(-1) === 0 ? true : null),
    () => told.join(),
  );
  await until("that it is over", SEEN_WITHIN_MS, () => (said.length >= 2 ? true : null));
  at.stop();
  assert.deepEqual(said, ["overload: new calls are refused", "overload is over"]);
});

/** A process that has a UDP port and reads nothing from it. */
async function deafSocket() {
  const script = `const s = require("node:dgram").createSocket({ type: "udp4", recvBufferSize: 400000 });
    s.bind(0, "${ADDRESS}", () => process.send(s.address().port));`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [port] = (await once(child, "message")) as [number];
  child.kill("SIGSTOP");
  return { child, port };
}

const QUEUES = [
  {
    name: "datagrams that wait in the kernel",
    bounds: { ...NEVER, queueBytes: 50_000 },
    receiveBufferBytes: 1e9,
  },
  {
    name: "a receive buffer that is smaller than the bound",
    bounds: { ...NEVER, queueBytes: null },
    receiveBufferBytes: 50_000,
  },
];
for (const { name, bounds, receiveBufferBytes } of QUEUES)
  test(`${name}: seen by the busy, and forgotten when they are read`, async (t) => {
    const { child, port } = await deafSocket();
    t.after(() => child.kill("SIGKILL"));
    const sender = createSocket("udp4");
    t.after(() => sender.close());
    for (let sent = 0; sent < 300; sent++) sender.send(Buffer.alloc(1_000), port, ADDRESS);
    const { at, told } = watch(bounds, port, receiveBufferBytes);
    t.after(() => at.stop());
    const stop = busy(5);
    await until(
      "a second look",
      SEEN_WITHIN_MS,
      () => (told.length >= 2 ? true : null),
      () => told.join(),
    );
    stop();
    assert.ok((told[1] ?? 0) > (told[0] ?? 0));
    child.kill("SIGCONT");
    await until(
      "the end",
      SEEN_WITHIN_MS,
      () => (told.at(-1) === 0 ? true : null),
      () => told.join(),
    );
  });

test("a watch that was stopped says nothing, and holds no process up", async () => {
  const { at, told } = watch({ ...NEVER, loopDelayMs: 10 }, 5060);
  at.stop();
  spin(300);
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.deepEqual(told, []);
});
