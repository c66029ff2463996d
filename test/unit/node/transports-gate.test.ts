import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TransportsGate } from "../../../src/node/transports-gate.ts";
import type { Flow, ListenerAddress, TransportHandlers, Transports } from "../../../src/transport/flow.ts";

const LISTEN: readonly ListenerAddress[] = [{ transport: "udp", address: "198.51.100.10", port: 5060 }];
const TO: Flow = { transport: "udp", listener: 0, address: "10.1.0.11", port: 5060, connection: 0 };
const HANDLERS: TransportHandlers = { onMessage() {}, onFailure() {}, onDropped() {} };

/** Sockets that note what is done with them. */
class Sockets implements Transports {
  readonly listeners = LISTEN;
  readonly warnings = ["small buffer"];
  readonly receiveBufferBytes = 1_000;
  readonly counters = { "udp.sent": 3 };
  readonly done: string[] = [];
  send(_: Flow, message: string): void {
    this.done.push(`send ${message}`);
  }
  isOpen(): boolean {
    return true;
  }
  watch({ port }: Flow): boolean {
    return this.done.push(`watch ${port}`) > 0;
  }
  unwatch({ port }: Flow): void {
    this.done.push(`unwatch ${port}`);
  }
  alias(): boolean {
    return true;
  }
  async close(): Promise<void> {
    this.done.push("close");
  }
  resetConnections(): void {
    this.done.push("resetConnections");
  }
  abort(): void {
    this.done.push("abort");
  }
}

function gate(): { gate: TransportsGate; opened: Sockets[] } {
  const opened: Sockets[] = [];
  const open = async (): Promise<Transports> => {
    const sockets = new Sockets();
    opened.push(sockets);
    return sockets;
  };
  return { gate: new TransportsGate({ listen: LISTEN, handlers: HANDLERS, open }), opened };
}

describe("the sockets of a standby", () => {
  test("are known, closed, and take what is sent without a word", () => {
    const { gate: shut, opened } = gate();
    shut.send(TO, "OPTIONS");
    assert.deepEqual(shut.listeners, LISTEN);
    assert.equal(shut.isOpen(TO), false);
    assert.equal(shut.isServing, false);
    assert.equal(shut.counters["send.whileShut"], 1);
    assert.equal(opened.length, 0);
  });

  test("open at the takeover, with those of the targets that were wanted before", async () => {
    const { gate: opening, opened } = gate();
    opening.watch(TO);
    opening.watch({ ...TO, port: 5070 });
    opening.unwatch({ ...TO, port: 5070 });
    assert.equal(await opening.open(), true);
    opening.send(TO, "INVITE");
    assert.deepEqual(opened[0]?.done, ["watch 5060", "send INVITE"]);
    assert.deepEqual([opening.receiveBufferBytes, opening.warnings.length], [1_000, 1]);
  });

  test("are closed unread by a shut, and can open again; what they counted is kept", async () => {
    const { gate: used, opened } = gate();
    await used.open();
    used.shut();
    used.shut();
    used.send(TO, "INVITE");
    assert.deepEqual(opened[0]?.done, ["abort"]);
    await used.open();
    assert.equal(opened.length, 2);
    assert.deepEqual([used.counters["udp.sent"], used.counters["send.whileShut"]], [6, 1]);
  });

  test("do not stay open where a shut came while they were opened", async () => {
    const { gate: overtaken, opened } = gate();
    const opening = overtaken.open();
    overtaken.shut();
    assert.equal(await opening, false);
    assert.deepEqual(opened[0]?.done, ["abort"]);
    assert.equal(overtaken.isServing, false);
  });

  test("of an open gate are not opened twice", async () => {
    const { gate: open, opened } = gate();
    await open.open();
    assert.equal(await open.open(), true);
    assert.equal(opened.length, 1);
  });
});
