import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CommitHistory,
  JOURNAL_BYTES_MAX,
  JOURNAL_COMMITS_MAX,
} from "../../../src/replication/commit-history.ts";

function historyOf(commits: number, bytes = 0): CommitHistory {
  const history = new CommitHistory();
  history.begin(0);
  for (let commit = 1; commit <= commits; commit++) history.add({ commit, bytes, at: commit * 10 });
  return history;
}

describe("what the journal keeps", () => {
  test("JOURNAL_COMMITS_MAX commits; with one more the oldest goes", () => {
    assert.equal(historyOf(JOURNAL_COMMITS_MAX).oldest, 1);
    assert.equal(historyOf(JOURNAL_COMMITS_MAX + 1).oldest, 2);
  });

  test("JOURNAL_BYTES_MAX bytes; with one more commit the oldest goes", () => {
    assert.equal(historyOf(4, JOURNAL_BYTES_MAX / 4).oldest, 1);
    assert.equal(historyOf(5, JOURNAL_BYTES_MAX / 4).oldest, 2);
  });

  test("of whoever wrote before: as many", () => {
    const history = new CommitHistory();
    history.begin(10_000);
    assert.equal(history.oldest, 10_001 - JOURNAL_COMMITS_MAX);
    history.add({ commit: 10_001, bytes: 1, at: 5 });
    assert.equal(history.oldest, 10_002 - JOURNAL_COMMITS_MAX);
  });
});

test("when a commit was sent; of one too long ago, the oldest known time", () => {
  const history = historyOf(JOURNAL_COMMITS_MAX + 5);
  assert.equal(history.sentAt(100), 1_000);
  assert.equal(history.sentAt(1), 60);
});
