/** Where a cluster's data stands in Redis. One hash tag: Redis Cluster keeps the keys of a cluster together (docs/replication.md). */

/** Of the keys and of what is in them. A store of another format is never written to. */
export const KEYSPACE_FORMAT = "1";

export interface Keyspace {
  /** Hash: format, cluster, generation, commit, complete, epoch (of the last commit, with its position). */
  readonly meta: string;
  /** Hash from a record's key to its commit's time (13 digits) and its text. */
  readonly records: string;
  /** Stream: one entry a commit, its id being generation and commit. */
  readonly journal: string;
  /** Hash: epoch, node, boot. Whoever rules writes itself in here; the commit script refuses everybody else. */
  readonly fence: string;
  /** Any other key of the cluster, the lease for one. */
  readonly named: (name: string) => string;
}

/** @param cluster name of the cluster: letters, digits, '.', '_' and '-' */
export function keyspaceOf(cluster: string): Keyspace {
  const named = (name: string): string => `{tandem:${cluster}}:${name}`;
  return {
    meta: named("meta"),
    records: named("records"),
    journal: named("journal"),
    fence: named("fence"),
    named,
  };
}
