/** The writer's last commits: when each was sent, and how many of them the journal keeps for a standby that is behind. */

/** Commits that the journal keeps: 20 s and more at one each 5 ms. */
export const JOURNAL_COMMITS_MAX = 4_096;
/** What the journal keeps takes that much of Redis's memory besides the records. */
export const JOURNAL_BYTES_MAX = 67_108_864;

export class CommitHistory {
  private readonly sent = new Float64Array(JOURNAL_COMMITS_MAX);
  private readonly sizes = new Float64Array(JOURNAL_COMMITS_MAX);
  private kept = 0;
  private first = 1;
  private last = 0;

  /** @param commit the last one of whoever wrote before */
  begin(commit: number): void {
    this.sent.fill(Number.NEGATIVE_INFINITY);
    this.sizes.fill(0);
    this.kept = 0;
    this.last = commit;
    this.first = Math.max(1, commit - JOURNAL_COMMITS_MAX + 1);
  }

  add({ commit, bytes, at }: { commit: number; bytes: number; at: number }): void {
    const slot = commit % JOURNAL_COMMITS_MAX;
    this.drop(commit - JOURNAL_COMMITS_MAX);
    this.sent[slot] = at;
    this.sizes[slot] = bytes;
    this.kept += bytes;
    this.last = commit;
    while (this.kept > JOURNAL_BYTES_MAX && this.first < commit) this.drop(this.first);
  }

  /** The oldest commit that a standby may still ask for. */
  get oldest(): number {
    return this.first;
  }

  /** When a commit was sent; where it is not among the last ones, the oldest known time. */
  sentAt(commit: number): number {
    const from = Math.max(commit, this.last - JOURNAL_COMMITS_MAX + 1, 1);
    for (let at = from; at <= this.last; at++) {
      const sent = this.sent[at % JOURNAL_COMMITS_MAX] ?? Number.NEGATIVE_INFINITY;
      if (sent !== Number.NEGATIVE_INFINITY) return sent;
    }
    return Number.POSITIVE_INFINITY;
  }

  private drop(commit: number): void {
    if (commit < this.first) return;
    this.kept -= this.sizes[commit % JOURNAL_COMMITS_MAX] ?? 0;
    this.first = commit + 1;
  }
}
