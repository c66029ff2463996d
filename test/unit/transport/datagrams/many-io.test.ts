import assert from "node:assert/strict";
import type { Socket } from "node:dgram";
import { constants } from "node:os";
import { describe, test } from "node:test";
import { systemError } from "../../../../src/transport/datagrams/datagram-io.ts";
import {
  DATAGRAM_BYTES,
  ManyIo,
  POSTED_BYTES_MAX,
  POSTED_MAX,
  RECEIVED_MAX,
} from "../../../../src/transport/datagrams/many-io.ts";
import { WAITING_MAX } from "../../../../src/transport/datagrams/polled-socket.ts";
import type { Flow } from "../../../../src/transport/flow.ts";
import { FakeKernel } from "../../../support/fake-kernel.ts";

const { EAGAIN, ECONNREFUSED, EINTR, EPERM } = constants.errno;
const AT = "020013c4c0000201"; // 192.0.2.1:5060
const FLOW: Flow = { transport: "udp", listener: 0, address: "192.0.2.1", port: 5060, connection: 0 };

/** A bound socket of Node, as far as it is used. */
function nodeSocket(fd: number, isConnected: boolean): Socket & { fd: number } {
  const remoteAddress = () => {
    if (!isConnected) throw new Error("not connected");
  };
  return { fd, close() {}, remoteAddress } as unknown as Socket & { fd: number };
}

function world() {
  const kernel = new FakeKernel();
  const io = new ManyIo(kernel, (socket) => (socket as Socket & { fd: number }).fd);
  const received: string[] = [];
  const failed: string[] = [];
  const unsent: string[] = [];
  const open = (fd: number, { isConnected = false, again = false } = {}) =>
    io.open(nodeSocket(fd, isConnected), {
      received: (memory, from, to, address, port) =>
        received.push(`${address}:${port} ${memory.toString("latin1", from, to)}`),
      failed: (error) => failed.push((error as NodeJS.ErrnoException).code ?? ""),
      unsent: (_flow, message, error, isSecond) => {
        unsent.push(`${message} ${(error as NodeJS.ErrnoException).code}${isSecond ? " again" : ""}`);
        return again && !isSecond;
      },
    });
  const poll = (fd: number) => {
    const found = kernel.polls.get(fd + 100);
    assert.ok(found);
    return found;
  };
  return { kernel, io, received, failed, unsent, open, poll };
}

const texts = (kernel: FakeKernel, fd: number) =>
  kernel.sent.filter((each) => each.fd === fd + 100).map((each) => each.text);

describe("sending by the many", () => {
  test("one call for each socket, each in its own order", () => {
    const { kernel, io, open } = world();
    const common = open(1);
    const target = open(2, { isConnected: true });
    for (const text of ["a", "b", "c"]) {
      common.post(FLOW, `${text}1`);
      target.post(FLOW, `${text}2`);
    }
    assert.deepEqual(kernel.sent, []);
    io.flush();
    assert.deepEqual(kernel.batches, [3, 3]);
    assert.deepEqual(texts(kernel, 1), ["a1", "b1", "c1"]);
    assert.deepEqual(texts(kernel, 2), ["a2", "b2", "c2"]);
    for (const { fd, to } of kernel.sent) assert.equal(to, fd === 101 ? AT + "0".repeat(16) : "");
    io.flush();
    assert.equal(kernel.sent.length, 6);
  });

  test("nothing that is not ASCII is changed", () => {
    const { kernel, io, open } = world();
    open(1).post(FLOW, "\x00\x7f\x80\xff");
    io.flush();
    assert.deepEqual(texts(kernel, 1), ["\x00\x7f\x80\xff"]);
  });

  for (const { name, count, bytes } of [
    { name: "datagrams", count: POSTED_MAX, bytes: 1 },
    { name: "bytes", count: POSTED_BYTES_MAX / 65_536, bytes: 65_536 },
  ])
    test(`more ${name} than are held leave before the flush`, () => {
      const { kernel, io, open } = world();
      const socket = open(1);
      for (let number = 0; number < count; number++) socket.post(FLOW, "x".repeat(bytes));
      assert.equal(kernel.sent.length, 0);
      socket.post(FLOW, "last");
      assert.equal(kernel.sent.length, count);
      io.flush();
      assert.equal(texts(kernel, 1).at(-1), "last");
    });

  test("an error is that of its own datagram; the others leave", () => {
    const { kernel, io, open, unsent } = world();
    const socket = open(1);
    kernel.verdict = ({ text }) => (["a", "c", "e"].includes(text) ? EPERM : 0);
    for (const text of ["a", "b", "c", "d", "e"]) socket.post(FLOW, text);
    io.flush();
    assert.deepEqual(texts(kernel, 1), ["b", "d"]);
    assert.deepEqual(unsent, ["a EPERM", "c EPERM", "e EPERM"]);
  });

  test("a second attempt is made where it is asked for, and no third", () => {
    const { kernel, io, open, unsent } = world();
    const socket = open(1, { isConnected: true, again: true });
    let errors = 1;
    kernel.verdict = ({ text }) => ((text === "a" && errors-- > 0) || text === "b" ? ECONNREFUSED : 0);
    for (const text of ["a", "b", "c"]) socket.post(FLOW, text);
    io.flush();
    assert.deepEqual(texts(kernel, 1), ["a", "c"]);
    assert.deepEqual(unsent, ["a ECONNREFUSED", "b ECONNREFUSED", "b ECONNREFUSED again"]);
  });

  test("what the system has no room for waits, in order, and leaves when there is", () => {
    const { kernel, io, open, poll } = world();
    const socket = open(1);
    let room = 1;
    kernel.verdict = () => (room-- > 0 ? 0 : EAGAIN);
    for (const text of ["a", "b", "c"]) socket.post(FLOW, text);
    io.flush();
    assert.equal(poll(1).writable, true);
    room = 1; // "d" must not overtake them
    socket.post(FLOW, "d");
    io.flush();
    assert.deepEqual(texts(kernel, 1), ["a"]);
    room = 2;
    poll(1).ready(0, { writable: true });
    assert.deepEqual(texts(kernel, 1), ["a", "b", "c"]);
    assert.equal(poll(1).writable, true);
    room = 9;
    poll(1).ready(0, { writable: true });
    assert.deepEqual(texts(kernel, 1), ["a", "b", "c", "d"]);
    assert.equal(poll(1).writable, false);
    socket.post(FLOW, "e");
    io.flush();
    assert.deepEqual(texts(kernel, 1).at(-1), "e");
  });

  test("ICMP errors within what a connected socket sends are told, but for the first, which the system keeps to itself", () => {
    const { kernel, io, open, unsent, failed } = world();
    const socket = open(1, { isConnected: true, again: true });
    for (const text of ["a", "b"]) kernel.refused.set(text, ECONNREFUSED);
    for (const text of ["a", "b", "c", "d"]) socket.post(FLOW, text);
    io.flush();
    assert.deepEqual(texts(kernel, 1), ["a", "b", "c", "d"]);
    // Each comes out at the next datagram, which is sent a second time.
    assert.deepEqual(kernel.batches, [4, 1, 1, 1, 1]);
    assert.deepEqual([failed, unsent], [[], ["c ECONNREFUSED"]]);
  });

  test("a batch that stops part-way for want of room is no error", () => {
    for (const isConnected of [true, false]) {
      const { kernel, io, open, poll, unsent, failed } = world();
      const socket = open(1, { isConnected });
      let full = 1; // when "c" is tried first
      kernel.verdict = ({ text }) => (text === "c" && full-- > 0 ? EAGAIN : 0);
      for (const text of ["a", "b", "c", "d"]) socket.post(FLOW, text);
      io.flush();
      poll(1).ready(0, { writable: true });
      assert.deepEqual(texts(kernel, 1), ["a", "b", "c", "d"]);
      assert.deepEqual([failed, unsent], [[], []]);
    }
  });

  test("more than leave together when there is room again: in order all the same", () => {
    const { kernel, io, open, poll } = world();
    const socket = open(1);
    let room = 0;
    kernel.verdict = () => (room-- > 0 ? 0 : EAGAIN);
    const all = Array.from({ length: 600 }, (_, number) => String(number));
    for (const text of all) socket.post(FLOW, text);
    io.flush();
    for (let times = 0; times < 100; times++) {
      room = 50;
      poll(1).ready(0, { writable: true });
    }
    assert.deepEqual(texts(kernel, 1), all);
    assert.equal(poll(1).writable, false);
  });

  test("nor do large ones overtake each other, of which fewer leave together", () => {
    const { kernel, io, open, poll } = world();
    const socket = open(1);
    let room = 0;
    kernel.verdict = () => (room-- > 0 ? 0 : EAGAIN);
    const all = Array.from({ length: 120 }, (_, number) => String(number).padEnd(6_000));
    for (const text of all) socket.post(FLOW, text);
    io.flush();
    // There is room again in the middle of what is released.
    kernel.verdict = ({ text }) => (text === all[0] && room++ < 1 ? EAGAIN : 0);
    room = 0;
    for (let times = 0; times < 10; times++) poll(1).ready(0, { writable: true });
    assert.deepEqual(texts(kernel, 1), all);
  });

  test("what waits when its socket is closed is told as not sent", () => {
    const { kernel, io, open, unsent } = world();
    const socket = open(1);
    kernel.verdict = () => EAGAIN;
    socket.post(FLOW, "a");
    io.flush();
    socket.close();
    assert.deepEqual(unsent, ["a ECANCELED again"]);
  });

  test("nor is anything left of what waits when a socket is closed by who hears of an error", () => {
    const kernel = new FakeKernel();
    const io = new ManyIo(kernel, () => 1);
    const unsent: string[] = [];
    const socket = io.open(nodeSocket(1, false), {
      received() {},
      failed() {},
      unsent: (_flow, message, error) => {
        unsent.push(`${message.trim()} ${(error as NodeJS.ErrnoException).code}`);
        socket.close();
        return false;
      },
    });
    kernel.verdict = () => EAGAIN;
    for (let number = 0; number < 130; number++) socket.post(FLOW, String(number));
    io.flush();
    kernel.verdict = ({ text }) => (text === "0" ? EPERM : 0);
    const poll = kernel.polls.get(101);
    poll?.ready(0, { writable: true });
    assert.deepEqual([unsent[0], ...unsent.slice(-2)], ["0 EPERM", "128 ECANCELED", "129 ECANCELED"]);
    assert.deepEqual(kernel.sent, []);
    assert.deepEqual([poll?.closed, poll?.writable], [true, true]);
  });

  test("what waits is bounded, and what is beyond is told", () => {
    const { kernel, io, open, unsent } = world();
    const socket = open(1);
    kernel.verdict = () => EAGAIN;
    for (let number = 0; number <= WAITING_MAX; number++) {
      socket.post(FLOW, String(number));
      io.flush();
    }
    assert.deepEqual(unsent, [`${WAITING_MAX} ENOBUFS again`]);
  });

  test("larger than any datagram, or to no address: told, not sent", () => {
    const { kernel, io, open, unsent } = world();
    const socket = open(1);
    const large = "x".repeat(DATAGRAM_BYTES + 1);
    socket.post(FLOW, large);
    socket.post({ ...FLOW, address: "pbx.example" }, "y");
    io.flush();
    assert.deepEqual(unsent, [`${large} EMSGSIZE again`, "y EINVAL again"]);
    assert.deepEqual(kernel.sent, []);
  });

  test("a socket that was closed sends nothing more", () => {
    const { kernel, io, open, poll } = world();
    const socket = open(1);
    const other = open(2);
    socket.post(FLOW, "a");
    other.post(FLOW, "b");
    socket.close();
    socket.close();
    socket.post(FLOW, "c");
    io.flush();
    assert.deepEqual(
      kernel.sent.map(({ text }) => text),
      ["b"],
    );
    assert.deepEqual(kernel.closed, [101]);
    assert.equal(poll(1).closed, true);
  });
});

describe("receiving by the many", () => {
  const v6 = "0a0013c500000000" + "0".repeat(30) + "0100000000";

  test("all that came, each with its sender; the rest when the others have had their turn", () => {
    const { kernel, open, poll, received } = world();
    open(1);
    for (let number = 0; number < RECEIVED_MAX + 1; number++)
      kernel.inbox.push({ from: number % 2 === 0 ? AT + "0".repeat(16) : v6, text: `m${number}` });
    poll(1).ready(0, { writable: false });
    assert.equal(received.length, RECEIVED_MAX);
    assert.deepEqual(received.slice(0, 3), ["192.0.2.1:5060 m0", "::1:5061 m1", "192.0.2.1:5060 m2"]);
    poll(1).ready(0, { writable: false });
    assert.equal(received.at(-1), `192.0.2.1:5060 m${RECEIVED_MAX}`);
  });

  test("empty ones and the largest", () => {
    const { kernel, open, poll, received } = world();
    open(1);
    for (const text of ["", "x".repeat(65_507)]) kernel.inbox.push({ from: AT + "0".repeat(16), text });
    poll(1).ready(0, { writable: false });
    assert.deepEqual(received, ["192.0.2.1:5060 ", `192.0.2.1:5060 ${"x".repeat(65_507)}`]);
  });

  test("an error stops the poll: it is told, and the poll goes on", () => {
    const { kernel, open, poll, failed, received } = world();
    open(1, { isConnected: true });
    poll(1).writable = true; // to see that it was watched anew
    kernel.receiveError = ECONNREFUSED;
    poll(1).ready(-9, { writable: false });
    assert.deepEqual([failed, poll(1).writable], [["ECONNREFUSED"], false]);
    kernel.inbox.push({ from: AT + "0".repeat(16), text: "m" });
    poll(1).ready(0, { writable: false });
    assert.equal(received.length, 1);
  });

  for (const error of [EAGAIN, EINTR])
    test(`${error} is no error`, () => {
      const { kernel, open, poll, failed } = world();
      open(1);
      kernel.receiveError = error;
      poll(1).ready(0, { writable: false });
      assert.deepEqual(failed, []);
    });

  test("a socket that was closed hears nothing more", () => {
    const { kernel, open, poll, received } = world();
    const socket = open(1);
    kernel.inbox.push({ from: AT + "0".repeat(16), text: "m" });
    socket.close();
    poll(1).ready(0, { writable: false });
    assert.deepEqual(received, []);
  });

  test("what a handler throws ends the process as any error would", async () => {
    const { kernel, io, poll } = world();
    const thrown = new Error("of the handler");
    io.open(nodeSocket(1, false), {
      received: () => {
        throw thrown;
      },
      failed: () => {},
      unsent: () => false,
    });
    kernel.inbox.push({ from: AT + "0".repeat(16), text: "m" });
    const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
    poll(1).ready(0, { writable: false });
    assert.equal(await uncaught, thrown);
    process.setUncaughtExceptionCaptureCallback(null);
  });
});

test("a descriptor that can't be had is an error of the system, and the socket is closed", () => {
  const kernel = new FakeKernel();
  kernel.duplicate = () => -constants.errno.EMFILE;
  const io = new ManyIo(kernel, () => 1);
  let closed = 0;
  const socket = { ...nodeSocket(1, false), close: () => closed++ } as unknown as Socket;
  assert.throws(
    () => io.open(socket, { received() {}, failed() {}, unsent: () => false }),
    systemError("dup", "EMFILE"),
  );
  assert.equal(closed, 1);
});
