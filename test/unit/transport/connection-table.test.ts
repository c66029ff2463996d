import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConnectionTable } from "../../../src/transport/connection-table.ts";
import type { Flow } from "../../../src/transport/flow.ts";
import { ALIASES_MAX } from "../../../src/transport/limits.ts";

interface Known {
  readonly flow: Flow;
}

function flow(change: Partial<Flow>): Flow {
  return { transport: "tcp", listener: 0, address: "192.0.2.1", port: 40_000, connection: 0, ...change };
}

function known(...flows: Flow[]): { table: ConnectionTable<Known>; connections: Known[] } {
  const table = new ConnectionTable<Known>();
  const connections = flows.map((flow) => ({ flow }));
  for (const connection of connections) table.add(connection);
  return { table, connections };
}

describe("which connection a message takes (RFC 3261 section 18.2.2, RFC 5923)", () => {
  const { table, connections } = known(
    flow({ connection: 1 }),
    flow({ connection: 2, port: 40_001 }),
    flow({ connection: 3, listener: 1 }),
  );
  const rows = [
    { name: "the one that it names", to: flow({ connection: 2, port: 5060 }), id: 2 },
    { name: "the one to its remote", to: flow({ port: 40_001 }), id: 2 },
    { name: "the one of its listener", to: flow({ listener: 1 }), id: 3 },
    { name: "of its remote when the named one is gone", to: flow({ connection: 99 }), id: 1 },
    { name: "never a stranger that has the id", to: flow({ connection: 1, address: "192.0.2.9" }), id: 0 },
    { name: "none for another port", to: flow({ port: 5060 }), id: 0 },
    { name: "none for another address", to: flow({ address: "192.0.2.2" }), id: 0 },
  ];
  for (const { name, to, id } of rows) {
    test(name, () => assert.equal(table.find(to)?.flow.connection ?? 0, id));
  }

  test("of two to one remote the older", () => {
    const { table, connections } = known(flow({ connection: 1 }), flow({ connection: 2 }));
    assert.equal(table.find(flow({})), connections[0]);
    table.remove(connections[1] as Known);
    assert.equal(table.find(flow({})), connections[0]);
  });

  test("an unknown one has no ports", () => {
    assert.deepEqual(table.remove({ flow: flow({ connection: 50 }) }), []);
    assert.equal(table.find(flow({})), connections[0]);
  });
});

describe("aliases (RFC 5923)", () => {
  test("another port leads to the connection", () => {
    const { table, connections } = known(flow({ connection: 1 }));
    assert.equal(table.alias(1, 5060), true);
    assert.equal(table.find(flow({ port: 5060 })), connections[0]);
    assert.deepEqual(table.remove(connections[0] as Known), [40_000, 5060]);
    assert.equal(table.find(flow({ port: 5060 })), undefined);
  });

  test("the newest to ask has it, and its end leaves none", () => {
    const { table, connections } = known(flow({ connection: 1 }), flow({ connection: 2, port: 40_001 }));
    table.alias(1, 5060);
    table.alias(2, 5060);
    assert.equal(table.find(flow({ port: 5060 })), connections[1]);
    table.remove(connections[0] as Known);
    assert.equal(table.find(flow({ port: 5060 })), connections[1]);
    table.remove(connections[1] as Known);
    assert.equal(table.find(flow({ port: 5060 })), undefined);
  });

  test("asked again it is the same one", () => {
    const { table, connections } = known(flow({ connection: 1 }));
    for (let i = 0; i < 2 * ALIASES_MAX; i++) assert.equal(table.alias(1, 5060), true);
    assert.deepEqual(table.portsOf(connections[0] as Known), [40_000, 5060]);
  });

  test("so many, and not one more", () => {
    const { table } = known(flow({ connection: 1 }));
    for (let i = 0; i < ALIASES_MAX; i++) assert.equal(table.alias(1, 5060 + i), true);
    assert.equal(table.alias(1, 5060 + ALIASES_MAX), false);
  });

  test("none for a connection that is gone", () => {
    const { table, connections } = known(flow({ connection: 1 }));
    table.remove(connections[0] as Known);
    assert.equal(table.alias(1, 5060), false);
  });

  test("a hidden connection is found by its id alone", () => {
    const { table, connections } = known(flow({ connection: 1 }));
    table.alias(1, 5060);
    table.hideRemote(connections[0] as Known);
    const found = [flow({}), flow({ port: 5060 }), flow({ connection: 1 })].map((to) => table.find(to));
    assert.deepEqual(found, [undefined, undefined, connections[0]]);
  });
});
