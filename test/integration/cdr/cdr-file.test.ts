// CDRs in real files: batches, rotation, deletion, what a crash left, what is wrong at the start.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { describe, test } from "node:test";
import { cdrLine } from "../../../src/calls/cdr-line.ts";
import { CdrFileError } from "../../../src/node/cdr-file-error.ts";
import { runCommand, tryCommand } from "../../lab/command.ts";
import { numberedCdr } from "../../support/cdrs.ts";
import { CdrBook, HandClock, numbersIn, range, TestDirectory } from "./cdr-book.ts";

describe("a CDR file", () => {
  test("has each CDR once, in order, and 0640 as its mode", async () => {
    using directory = new TestDirectory();
    await using book = new CdrBook(directory.file("cdr.jsonl"));
    book.write(2_000);
    assert.equal(book.cdrs.stats.buffered, 2_000);
    await book.settled();
    book.write(1);
    await book.settled();
    assert.deepEqual(numbersIn(book.file), range(0, 2_001));
    assert.equal(fs.readFileSync(book.file, "utf8").split("\n")[0], cdrLine(numberedCdr(0)));
    assert.equal(fs.statSync(book.file).mode & 0o777, 0o640);
    const stats = { written: 2_001, buffered: 0, bufferedBytes: 0, dropped: 0, failing: false };
    assert.deepEqual(book.cdrs.stats, stats);
    assert.deepEqual(book.said, []);
  });

  test("is appended to at the next start", async () => {
    using directory = new TestDirectory();
    for (const _ of [1, 2]) {
      await using book = new CdrBook(directory.file("cdr.jsonl"));
      book.write(10);
    }
    assert.deepEqual(numbersIn(directory.file("cdr.jsonl")), [...range(0, 10), ...range(0, 10)]);
  });

  test("has everything at the end that was given to it before, and nothing after", async () => {
    using directory = new TestDirectory();
    await using book = new CdrBook(directory.file("cdr.jsonl"));
    book.write(1_000);
    const closed = book.cdrs.close();
    book.write(1);
    await closed;
    assert.deepEqual(numbersIn(book.file), range(0, 1_000));
    assert.equal(book.cdrs.stats.dropped, 1);
    assert.equal(book.saidOf("CDRs are being lost").length, 1);
  });

  test("rotation under load loses and doubles nothing", async () => {
    using directory = new TestDirectory();
    await using book = new CdrBook(directory.file("cdr.jsonl"));
    const rotated = range(0, 20).map((index) => directory.file(`cdr.jsonl.${index}`));
    for (const name of rotated) {
      book.write(200);
      await book.until(
        "some to be in the file",
        () => fs.existsSync(book.file) && fs.statSync(book.file).size > 0,
      );
      book.write(200);
      fs.renameSync(book.file, name);
      book.write(200);
      book.cdrs.reopen();
      book.write(200);
    }
    await book.settled();
    assert.deepEqual(numbersIn(...rotated, book.file), range(0, 16_000));
    assert.equal(book.saidOf("CDR file opened anew").length, 20);
    assert.equal(book.said.length, 20);
  });

  test("rotation with nothing to write makes the new file at once, and lets go of the old one", async () => {
    using directory = new TestDirectory();
    await using book = new CdrBook(directory.file("cdr.jsonl"));
    await book.until("the file", () => fs.existsSync(book.file));
    fs.renameSync(book.file, directory.file("old"));
    book.cdrs.reopen();
    book.cdrs.reopen();
    await book.until("the new file", () => fs.existsSync(book.file));
    await book.until("the old one to be closed", () => !openFiles().includes(directory.file("old")));
  });

  test("until it is told to open it anew, it goes on in the renamed file", async () => {
    using directory = new TestDirectory();
    await using book = new CdrBook(directory.file("cdr.jsonl"));
    book.write(10);
    await book.settled();
    fs.renameSync(book.file, directory.file("old"));
    book.write(10);
    await book.settled();
    assert.deepEqual(numbersIn(directory.file("old")), range(0, 20));
    assert.ok(!fs.existsSync(book.file));
  });

  test("a deleted file is made again, and nothing written since is lost", async () => {
    using directory = new TestDirectory();
    await using book = new CdrBook(directory.file("cdr.jsonl"));
    book.write(10);
    await book.settled();
    fs.rmSync(book.file);
    book.write(10);
    await book.settled();
    assert.deepEqual(numbersIn(book.file), range(10, 20));
    assert.equal(book.saidOf("the CDR file was deleted: going on in a new one").length, 1);
    assert.equal(book.cdrs.stats.dropped, 0);
  });

  test("its directory goes and comes back: nothing is lost, and it is said once", async () => {
    using directory = new TestDirectory();
    const folder = directory.file("folder");
    fs.mkdirSync(folder);
    await using book = new CdrBook(`${folder}/cdr.jsonl`);
    book.write(10);
    await book.settled();
    fs.rmSync(folder, { recursive: true });
    book.write(10);
    await book.until("it to fail", () => book.cdrs.stats.failing);
    book.write(10);
    assert.equal(book.cdrs.stats.buffered, 20);
    fs.mkdirSync(folder);
    await book.settled();
    assert.deepEqual(numbersIn(book.file), range(10, 30));
    const [failure, ...more] = book.saidOf("CDRs can't be written and wait in memory");
    assert.equal(failure?.fields["reason"], "its directory does not exist");
    assert.deepEqual(more, []);
    assert.deepEqual(
      book.saidOf("CDRs are written again").map(({ fields }) => fields["lost"]),
      [0],
    );
  });

  test("while it can't be written it is tried each second, and said once a minute", async () => {
    using directory = new TestDirectory();
    const folder = directory.file("folder");
    fs.mkdirSync(folder);
    const clock = new HandClock();
    await using book = new CdrBook(`${folder}/cdr.jsonl`, 65_536, clock);
    await book.until("the file", () => fs.existsSync(book.file));
    fs.rmSync(folder, { recursive: true });
    book.write(1);
    clock.pass(50);
    for (let second = 0; second < 150; second++) {
      await book.until("the next attempt to be planned", () => clock.waiting);
      clock.pass(1_000);
    }
    await book.until("the next attempt to be planned", () => clock.waiting);
    const still = "CDRs still can't be written";
    assert.deepEqual(book.said.map(({ text }) => text).slice(-3), [
      "CDRs can't be written and wait in memory",
      still,
      still,
    ]);
    fs.mkdirSync(folder);
    clock.pass(1_000);
    await book.settled();
    assert.equal(book.saidOf("CDRs are written again")[0]?.fields["seconds"], 151);
  });

  test("a disk that hangs does not keep the node from ending; what may be lost is counted", async () => {
    using directory = new TestDirectory();
    const clock = new HandClock();
    await using book = new CdrBook(directory.file("cdr.jsonl"), 65_536, clock);
    book.write(10);
    const closed = book.cdrs.close();
    clock.pass(3_000); // before the file system had any time to answer
    await closed;
    assert.equal(book.cdrs.stats.dropped, 10);
    const said = book.saidOf("CDRs are lost: the node ends");
    assert.deepEqual(
      said.map(({ fields }) => [fields["lost"], fields["reason"]]),
      [[10, "the disk is too slow"]],
    );
    await book.until("the end of the write", () => book.cdrs.stats.written === 10);
  });

  const whole = `${cdrLine(numberedCdr(0))}\n`;
  const torn = cdrLine(numberedCdr(1));
  const ends = [
    { name: "whole lines", before: whole, kept: whole, cut: 0 },
    { name: "half a line", before: whole + torn.slice(0, 100), kept: whole, cut: 100 },
    { name: "a line but its line feed", before: whole + torn, kept: whole, cut: torn.length },
    { name: "the first byte of a line", before: `${whole}{`, kept: whole, cut: 1 },
    { name: "half a line and nothing else", before: torn.slice(0, 50), kept: "", cut: 50 },
    { name: "a text that is not ours", before: `${whole}# by hand`, kept: `${whole}# by hand\n`, cut: 0 },
  ];
  for (const { name, before, kept, cut } of ends) {
    test(`a file that ends in ${name}, at the start`, async () => {
      using directory = new TestDirectory();
      const file = directory.file("cdr.jsonl");
      fs.writeFileSync(file, before);
      await using book = new CdrBook(file);
      book.write(1);
      await book.settled();
      assert.equal(fs.readFileSync(file, "utf8"), kept + whole);
      const said = book.saidOf("cut half a line off the end of the CDR file");
      assert.deepEqual(
        said.map(({ fields }) => fields["bytes"]),
        cut === 0 ? [] : [cut],
      );
    });
  }

  test("a device will do", async () => {
    await using book = new CdrBook("/dev/null");
    book.write(100);
    await book.settled();
    assert.deepEqual([book.cdrs.stats.written, book.said], [100, []]);
  });
});

describe("a CDR file that can't be opened, at the start", () => {
  /** The error that a start gives. */
  function startError(file: string): CdrFileError {
    try {
      void new CdrBook(file).cdrs.close();
    } catch (error) {
      assert.ok(error instanceof CdrFileError);
      return error;
    }
    return assert.fail("it was opened");
  }

  test("no directory", () => {
    using directory = new TestDirectory();
    const file = directory.file("missing/cdr.jsonl");
    const { code, message } = startError(file);
    assert.equal(code, "CDR_NO_DIRECTORY");
    assert.equal(message, `cannot write CDRs to ${file}: its directory does not exist`);
  });

  test("a file in the place of a directory", () => {
    using directory = new TestDirectory();
    fs.writeFileSync(directory.file("file"), "");
    const { code, message } = startError(directory.file("file/cdr.jsonl"));
    assert.equal(code, "CDR_NO_DIRECTORY");
    assert.match(message, /: a part of its path is no directory$/);
  });

  test("a directory in the place of the file", () => {
    using directory = new TestDirectory();
    const { code, message } = startError(directory.path);
    assert.equal(code, "CDR_NOT_A_FILE");
    assert.match(message, /: it is a directory$/);
  });

  const fifo = tryCommand(["mkfifo", "--version"]) === null ? false : "there is no mkfifo here";
  test("a pipe, which would stand still with its reader", { skip: fifo }, () => {
    using directory = new TestDirectory();
    runCommand(["mkfifo", directory.file("pipe")]);
    const { code, message } = startError(directory.file("pipe"));
    assert.equal(code, "CDR_NOT_A_FILE");
    assert.match(message, /: it is a pipe or a socket, not a file$/);
  });

  test("no permission", () => {
    using directory = new TestDirectory();
    const root = process.getuid?.() === 0;
    fs.chmodSync(directory.path, root ? 0o755 : 0o555);
    if (root) process.seteuid?.(65_534); // nobody: root may write everywhere
    try {
      const { code, message } = startError(directory.file("cdr.jsonl"));
      assert.equal(code, "CDR_FORBIDDEN");
      assert.match(
        message,
        /: permission denied; the user that runs the node must be able to read and write it$/,
      );
    } finally {
      if (root) process.seteuid?.(0);
      fs.chmodSync(directory.path, 0o755);
    }
  });
});

/** Paths of the files that this process has open. */
function openFiles(): string[] {
  return fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // closed since it was listed
    }
  });
}
