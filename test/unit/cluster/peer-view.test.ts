// What is known of a peer: alive over any path, each message once, a new life only when it proves itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Echo, Message } from "../../../src/cluster/message.ts";
import {
  isAlive,
  isOneWay,
  newPeer,
  type PeerView,
  PROOF_MESSAGES_MAX,
  REPLAY_WINDOW_MAX,
  type Reception,
  receive,
} from "../../../src/cluster/peer-view.ts";
import { message } from "./example.ts";

const OWN = { boot: "boot-b", sequence: 100 };
const proof: Echo = { boot: "boot-b", sequence: 100, at: 950 };

/** Feeds messages; the first proves its life. */
function after(
  messages: readonly (readonly [Partial<Message> & { sequence: number }, path?: number, now?: number])[],
): { view: PeerView; receptions: Reception[] } {
  let view = newPeer("edge-a", 2);
  const receptions: Reception[] = [];
  for (const [changes, path = 0, now = 1_000] of messages) {
    const sent = message(changes.sequence, { echo: proof, ...changes });
    const [next, reception] = receive(view, sent, { path, own: OWN, now });
    view = next;
    receptions.push(reception);
  }
  return { view, receptions };
}

const rows: readonly {
  readonly name: string;
  readonly messages: Parameters<typeof after>[0];
  readonly want: readonly Reception[];
}[] = [
  { name: "each is news", messages: [[{ sequence: 1 }], [{ sequence: 2 }]], want: ["news", "news"] },
  {
    name: "the copy of another path",
    messages: [[{ sequence: 1 }], [{ sequence: 1 }, 1]],
    want: ["news", "copy"],
  },
  {
    name: "the same again on its path",
    messages: [[{ sequence: 1 }], [{ sequence: 1 }]],
    want: ["news", "replayed"],
  },
  {
    name: "one that was overtaken",
    messages: [[{ sequence: 2 }], [{ sequence: 1 }]],
    want: ["news", "late"],
  },
  {
    name: "the oldest that is told apart",
    messages: [[{ sequence: REPLAY_WINDOW_MAX }], [{ sequence: 1 }]],
    want: ["news", "late"],
  },
  {
    name: "one before that",
    messages: [[{ sequence: REPLAY_WINDOW_MAX }], [{ sequence: 0 }]],
    want: ["news", "replayed"],
  },
  {
    name: "a recording on a path where it never came",
    messages: [[{ sequence: 5 }], [{ sequence: 50 }], [{ sequence: 5 }, 1]],
    want: ["news", "news", "replayed"],
  },
  { name: "a life that echoes nothing", messages: [[{ sequence: 1, echo: null }]], want: ["unproven"] },
  {
    name: "a life that echoes a former life of ours",
    messages: [[{ sequence: 1, echo: { ...proof, boot: "boot-old" } }]],
    want: ["unproven"],
  },
  {
    name: "a life that echoes something of long ago",
    messages: [[{ sequence: 1, echo: { ...proof, sequence: 100 - PROOF_MESSAGES_MAX } }]],
    want: ["unproven"],
  },
  {
    name: "a life that echoes the oldest that proves",
    messages: [[{ sequence: 1, echo: { ...proof, sequence: 101 - PROOF_MESSAGES_MAX } }]],
    want: ["news"],
  },
  {
    name: "a life that echoes what we have not sent",
    messages: [[{ sequence: 1, echo: { ...proof, sequence: 101 } }]],
    want: ["unproven"],
  },
  {
    name: "a life that greets us back",
    messages: [[{ sequence: 1, echo: null, greeting: proof }]],
    want: ["news"],
  },
  {
    name: "a former life, after the next",
    messages: [[{ sequence: 9 }], [{ sequence: 1, boot: "boot-a2" }], [{ sequence: 10 }]],
    want: ["news", "news", "old-boot"],
  },
];

describe("a message of a peer", () => {
  for (const { name, messages, want } of rows) {
    test(`${name}: ${want.at(-1)}`, () => assert.deepEqual(after(messages).receptions, want));
  }

  test("what is ignored makes nobody alive", () => {
    const { view } = after([
      [{ sequence: 1 }, 0, 1_000],
      [{ sequence: 1 }, 0, 2_000],
    ]);
    assert.equal(view.heardAt, 1_000);
  });

  test("an unproven life is greeted, and not echoed", () => {
    const { view } = after([[{ sequence: 4, echo: null }]]);
    assert.deepEqual([view.echo, view.greeting], [null, { boot: "boot-a", sequence: 4, at: 1_004 }]);
  });
});

describe("a peer", () => {
  test("is alive while one of its paths is, and until deadAfter", () => {
    const { view } = after([
      [{ sequence: 1 }, 0, 1_000],
      [{ sequence: 2 }, 1, 1_100],
    ]);
    assert.deepEqual([isAlive(view, 1_399, 300), isAlive(view, 1_400, 300)], [true, false]);
  });

  test("one way alone counts as alive, and is told", () => {
    const { view } = after([
      [{ sequence: 1 }, 0, 1_000],
      [{ sequence: 2 }, 0, 1_600],
    ]);
    assert.deepEqual([isAlive(view, 1_600, 300), isOneWay(view, 1_600, 300)], [true, true]);
  });

  test("that hears us is not one-way", () => {
    const { view } = after([[{ sequence: 1 }, 0, 1_000]]);
    assert.equal(isOneWay(view, 1_000, 300), false);
  });
});
