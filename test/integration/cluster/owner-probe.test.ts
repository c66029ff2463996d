// The question of who has the floating IP, over real sockets.
import assert from "node:assert/strict";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import type { ProbeOutcome } from "../../../src/cluster/evidence.ts";
import { PROBE_HEADER, ProbeSigner } from "../../../src/cluster/probe-token.ts";
import { askOwner } from "../../../src/node/cluster/owner-probe.ts";

const signer = new ProbeSigner("edge", ["a-secret-of-this-test"]);
const OWNER = { node: "edge-a", boot: "boot-a", epoch: 5, role: "active" } as const;

/** Asks an owner that does this with the question. */
async function outcomeOf(
  answer: (socket: Socket, question: string, from: RemoteInfo) => void,
): Promise<ProbeOutcome> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  socket.on("message", (datagram, from) => answer(socket, datagram.toString("latin1"), from));
  const target = { address: "127.0.0.1", port: socket.address().port, interface: "" };
  const whoHas = () => Promise.resolve({ kind: "unknown", reason: "loopback" } as const);
  try {
    return await askOwner({ signer, boot: "boot-b", target, floating: new Set(), whoHas });
  } finally {
    socket.close();
  }
}

function response(question: string, more: string): string {
  const lines = question.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
  return `SIP/2.0 200 OK\r\n${lines.join("\r\n")}\r\n${more}Content-Length: 0\r\n\r\n`;
}

function signed(question: string): string {
  const [, asked = ""] = new RegExp(`${PROBE_HEADER}: (.*)`).exec(question) ?? [];
  return response(question, `${PROBE_HEADER}: ${signer.answer(asked, OWNER)}\r\n`);
}

const rows: readonly {
  readonly name: string;
  readonly answers: (question: string) => readonly string[];
  readonly outcome: ProbeOutcome;
}[] = [
  { name: "a signed answer", answers: (question) => [signed(question)], outcome: "active" },
  {
    name: "an answer without our signature",
    answers: (question) => [response(question, "")],
    outcome: "foreign",
  },
  { name: "silence", answers: () => [], outcome: "sip-silent" },
  {
    name: "a datagram that answers nothing, before the signed answer: it says nothing",
    answers: (question) => ["SIP/2.0 200 OK\r\nCall-ID: another\r\n\r\n", signed(question)],
    outcome: "active",
  },
  {
    name: "nothing but such datagrams: it is silent",
    answers: () => ["SIP/2.0 200 OK\r\nCall-ID: another\r\n\r\n"],
    outcome: "sip-silent",
  },
];

describe("who has the floating IP", () => {
  for (const { name, answers, outcome } of rows) {
    test(`${name}: ${outcome}`, async () => {
      const seen = await outcomeOf((socket, question, { port, address }) => {
        for (const text of answers(question)) socket.send(text, port, address);
      });
      assert.equal(seen, outcome);
    });
  }
});
