import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BURST_DATAGRAMS_MAX, Burst } from "../../../src/transport/burst.ts";
import type { Flow } from "../../../src/transport/flow.ts";

const FLOW: Flow = { transport: "udp", listener: 0, address: "192.0.2.1", port: 5060, connection: 0 };

function world() {
  const sent: string[] = [];
  const posted: string[] = [];
  const later: (() => void)[] = [];
  const burst = new Burst({ flush: () => sent.push(...posted.splice(0)) }, (run) => later.push(run));
  const socket = { post: (_: Flow, message: string) => posted.push(message), close: () => {} };
  return {
    sent,
    burst,
    asked: () => later.length,
    say: (message: string) => burst.send(socket, FLOW, message),
    pollEnds: () => {
      for (const run of later.splice(0)) run();
    },
  };
}

describe("datagrams that leave together", () => {
  test("what is sent while nothing is read leaves at once", () => {
    const { sent, say } = world();
    say("a");
    assert.deepEqual(sent, ["a"]);
  });

  test("what several datagrams lead to leaves in order when all of them are read", () => {
    const { sent, burst, say, pollEnds } = world();
    for (const message of ["a", "b"]) {
      burst.readingBegins();
      say(message);
      burst.readingEnds();
    }
    say("c"); // overtakes nothing
    assert.deepEqual(sent, []);
    pollEnds();
    assert.deepEqual(sent, ["a", "b", "c"]);
    say("d");
    assert.deepEqual(sent, ["a", "b", "c", "d"]);
  });

  for (const { count, leave } of [
    { count: BURST_DATAGRAMS_MAX - 1, leave: 0 },
    { count: BURST_DATAGRAMS_MAX, leave: BURST_DATAGRAMS_MAX },
    { count: BURST_DATAGRAMS_MAX + 1, leave: BURST_DATAGRAMS_MAX },
  ]) {
    test(`of ${count} that wait, ${leave} leave before the end`, () => {
      const { sent, burst, say, pollEnds } = world();
      burst.readingBegins();
      for (let number = 0; number < count; number++) say(String(number));
      burst.readingEnds();
      assert.equal(sent.length, leave);
      pollEnds();
      assert.equal(sent.length, count);
    });
  }

  test("where nothing is sent, ticks and microtasks still get their turn once the poll is over", () => {
    const { burst, asked } = world();
    for (let number = 0; number < 3; number++) {
      burst.readingBegins();
      burst.readingEnds();
    }
    assert.equal(asked(), 1);
  });
});
