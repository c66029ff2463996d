// CDRs and a disk that is really full: a tmpfs of 64 KB.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { cdrLine } from "../../../src/calls/cdr-line.ts";
import { numberedCdr } from "../../support/cdrs.ts";
import { SmallDisk, smallDiskObstacle } from "../../support/small-disk.ts";
import { CdrBook, numbersIn, range } from "./cdr-book.ts";

const DISK_KIB = 64;
const LINE_BYTES = cdrLine(numberedCdr(100)).length + 1;
const BUFFER_BYTES = 65_536;
const BUFFER_LINES = Math.floor(BUFFER_BYTES / LINE_BYTES);

const WAITING = "CDRs can't be written and wait in memory";
const LOSING = "CDRs are being lost";
const AGAIN = "CDRs are written again";

describe("a full disk", { skip: smallDiskObstacle() }, () => {
  test("nothing is lost while the memory lasts; all of it is written when there is room", async () => {
    using disk = new SmallDisk(DISK_KIB);
    await using book = new CdrBook(join(disk.directory, "cdr.jsonl"), BUFFER_BYTES);
    book.write(10);
    await book.settled();
    disk.fill();
    book.write(50);
    await book.until("it to fail", () => book.cdrs.stats.failing);
    book.write(10);
    const held = numbersIn(book.file).length;
    assert.deepEqual(numbersIn(book.file), range(0, held), "whole lines only");
    assert.deepEqual(
      book.said.map(({ text }) => text),
      [WAITING],
    );
    assert.equal(book.said[0]?.fields["reason"], "the disk is full");
    disk.free();
    await book.settled();
    assert.deepEqual(numbersIn(book.file), range(0, 70));
    assert.deepEqual(
      book.said.map(({ text }) => text),
      [WAITING, AGAIN],
    );
    assert.equal(book.said[1]?.fields["lost"], 0);
  });

  test("beyond that the oldest are lost, counted and said once; the rest is written when there is room", async () => {
    using disk = new SmallDisk(DISK_KIB * 4);
    await using book = new CdrBook(join(disk.directory, "cdr.jsonl"), BUFFER_BYTES);
    book.write(10);
    await book.settled();
    disk.fill();
    for (let round = 0; round < 10; round++) {
      const start = performance.now();
      book.write(50);
      assert.ok(performance.now() - start < 1_000, "nobody waits");
      await book.until("it to fail", () => book.cdrs.stats.failing);
    }
    const { dropped, buffered, bufferedBytes } = book.cdrs.stats;
    assert.ok(buffered >= BUFFER_LINES - 1 && bufferedBytes <= BUFFER_BYTES, `${buffered} lines wait`);
    assert.ok(dropped > 300, `${dropped} are lost`);
    disk.free();
    await book.settled();
    book.write(5);
    await book.settled();
    const numbers = numbersIn(book.file);
    const found = numbers.slice(10, -buffered - 5); // the last block of a full disk may have had room for a line
    assert.deepEqual(numbers, [...range(0, 10), ...found, ...range(510 - buffered, 515)]);
    assert.ok(found.every((number, index) => number > (found[index - 1] ?? 9) && number < 510 - buffered));
    assert.equal(numbers.length + book.cdrs.stats.dropped, 515, "in the file, or counted as lost");
    assert.equal(book.cdrs.stats.written, numbers.length);
    assert.deepEqual(
      book.said.map(({ text }) => text),
      [WAITING, LOSING, AGAIN],
    );
    assert.equal(book.saidOf(AGAIN)[0]?.fields["lost"], book.cdrs.stats.dropped);
  });

  test("room for some lines at a time: a line is whole or not there, in every moment that it waits", async () => {
    using disk = new SmallDisk(DISK_KIB);
    await using book = new CdrBook(join(disk.directory, "cdr.jsonl"), BUFFER_BYTES * 4);
    const lines = Math.floor((1.5 * DISK_KIB * 1_024) / LINE_BYTES);
    book.write(lines);
    await book.until("it to fail", () => book.cdrs.stats.failing);
    const held = numbersIn(book.file);
    assert.deepEqual(held, range(0, held.length));
    assert.ok(held.length * LINE_BYTES > DISK_KIB * 1_024 - LINE_BYTES, "the room there was is used");
    const old = join(disk.directory, "old");
    fs.renameSync(book.file, old);
    book.cdrs.reopen(); // a rotation on a full disk
    await book.until("the new file", () => disk.names().includes("cdr.jsonl"));
    assert.deepEqual(numbersIn(old), held);
    fs.rmSync(old);
    await book.settled();
    assert.deepEqual(numbersIn(book.file), range(held.length, lines));
    assert.equal(book.cdrs.stats.dropped, 0);
  });

  test("deleting the file that filled it gives its room back", async () => {
    using disk = new SmallDisk(DISK_KIB);
    await using book = new CdrBook(join(disk.directory, "cdr.jsonl"), BUFFER_BYTES * 4);
    const lines = Math.floor((1.5 * DISK_KIB * 1_024) / LINE_BYTES);
    book.write(lines);
    await book.until("it to fail", () => book.cdrs.stats.failing);
    const held = numbersIn(book.file).length;
    fs.rmSync(book.file);
    await book.settled();
    assert.deepEqual(numbersIn(book.file), range(held, lines));
  });

  test("full at the start: it starts, says so, and goes on when there is room", async () => {
    using disk = new SmallDisk(DISK_KIB);
    disk.fill();
    await using book = new CdrBook(join(disk.directory, "cdr.jsonl"), BUFFER_BYTES);
    book.write(10);
    await book.until("it to fail", () => book.cdrs.stats.failing);
    disk.free();
    await book.settled();
    assert.deepEqual(numbersIn(book.file), range(0, 10));
    assert.deepEqual(
      book.said.map(({ text }) => text),
      [WAITING, AGAIN],
    );
  });

  test("full at the end: what is lost with the node is counted and said", async () => {
    using disk = new SmallDisk(DISK_KIB);
    await using book = new CdrBook(join(disk.directory, "cdr.jsonl"), BUFFER_BYTES);
    disk.fill();
    book.write(20);
    await book.cdrs.close();
    const { dropped, written } = book.cdrs.stats;
    assert.ok(dropped > 0);
    assert.equal(dropped + written, 20);
    assert.deepEqual(numbersIn(book.file), range(0, written));
    const said = book.saidOf("CDRs are lost: the node ends");
    assert.deepEqual(
      said.map(({ fields }) => [fields["lost"], fields["reason"]]),
      [[dropped, "the disk is full"]],
    );
  });
});
