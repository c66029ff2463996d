// What the benchmark reads from /proc, and from a profile of V8.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { selfTimes } from "../../bench/calls/cpu-profile.ts";
import {
  parseCore,
  parsePss,
  parseStat,
  processorTime,
  processTree,
  residentBytes,
} from "../../bench/calls/process-tree.ts";

describe("/proc", () => {
  test("a process with blanks and brackets in its name, and children that ended", () => {
    const line = "12 (a) b) (c) S 1 12 12 0 -1 4194304 900 0 0 0 150 40 30 2 20 0 1 0 100 1000 200";
    assert.deepEqual(parseStat(line), { userUs: 1_800_000, kernelUs: 420_000 });
  });

  test("a process that has ended used nothing more", () =>
    assert.deepEqual(parseStat(""), { userUs: 0, kernelUs: 0 }));

  test("proportional set size", () => {
    assert.equal(parsePss("Rss:   900 kB\nPss:    640 kB\nPss_Dirty:  10 kB\n"), 640 * 1024);
    assert.equal(parsePss(""), 0);
  });

  test("a core's time: idle and waiting is not busy", () => {
    const text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 10 1 20 500 70 2 3 4 0 0\n";
    assert.deepEqual(parseCore(text, 1), { busyUs: 360_000, stolenUs: 40_000 });
  });

  test("this very process", () => {
    assert.equal(processTree(process.pid)[0], process.pid);
    const { userUs, kernelUs } = processorTime(process.pid);
    assert.ok(userUs + kernelUs > 0);
    assert.ok(residentBytes(process.pid) > 1e6);
  });
});

describe("a profile", () => {
  const node = (id: number, functionName: string, url = "") => ({
    id,
    callFrame: { functionName, url, lineNumber: 9 },
  });

  test("self times by function, idle time left out, longest first", () => {
    const profile = {
      nodes: [
        node(1, "(idle)"),
        node(2, "parse", "file:///x/src/sip/a.ts"),
        node(3, ""),
        node(4, "parse", "file:///x/src/sip/a.ts"),
      ],
      samples: [2, 1, 3, 4],
      timeDeltas: [5, 300, 1_000, 100, 0],
    };
    assert.deepEqual(selfTimes(profile), [
      { name: "parse  sip/a.ts:10", selfUs: 300, share: 0.75 },
      { name: "(anonymous)", selfUs: 100, share: 0.25 },
    ]);
  });

  test("without samples there is nothing", () => assert.deepEqual(selfTimes({ nodes: [] }), []));
});
