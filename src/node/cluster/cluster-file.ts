/** What a node of a cluster must not forget: the highest epoch that it saw, and that an operator has set it aside. */
import {
  closeSync,
  fsync,
  fsyncSync,
  mkdirSync,
  open,
  openSync,
  readFileSync,
  rename,
  renameSync,
  write,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { ClusterError } from "./cluster-error.ts";

const RECORD = z.object({
  version: z.literal(1),
  epoch: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  maintenance: z.boolean(),
});

type ClusterRecord = Omit<z.output<typeof RECORD>, "version">;

const [openFile, writeFile, syncFile, renameFile] = [
  promisify(open),
  promisify(write),
  promisify(fsync),
  promisify(rename),
];

export class ClusterFile {
  readonly #path: string;
  /** What the next write brings there. */
  #record: ClusterRecord;
  /** What the disk has. */
  #stored: ClusterRecord;
  #writing: Promise<unknown> = Promise.resolve();

  /** @throws ClusterError where it can't be read, is none of ours, or can't be written: an old epoch must not be taken again */
  constructor(path: string) {
    this.#path = path;
    this.#record = read(path);
    this.#stored = this.#record;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
      const file = openSync(`${path}.new`, "w", 0o640);
      writeSync(file, textOf(this.#record));
      fsyncSync(file);
      closeSync(file);
      renameSync(`${path}.new`, path);
    } catch (error) {
      throw new ClusterError("CLUSTER_STATE", `cannot write ${path}: ${messageOf(error)}`, error);
    }
  }

  /** What the disk has: a write that is under way, or failed, counts for nothing. */
  get epoch(): number {
    return this.#stored.epoch;
  }

  /** What the disk has. */
  get maintenance(): boolean {
    return this.#stored.maintenance;
  }

  /** Never rejects. @returns why it is not on the disk; null: it is, synced */
  storeEpoch(epoch: number): Promise<string | null> {
    if (epoch <= this.#stored.epoch) return Promise.resolve(null);
    return this.#store({ ...this.#record, epoch: Math.max(epoch, this.#record.epoch) });
  }

  /** Never rejects. @returns why it is not on the disk; null: it is, synced */
  storeMaintenance(maintenance: boolean): Promise<string | null> {
    if (maintenance === this.#record.maintenance && maintenance === this.#stored.maintenance)
      return Promise.resolve(null);
    return this.#store({ ...this.#record, maintenance });
  }

  #store(record: ClusterRecord): Promise<string | null> {
    this.#record = record;
    const stored = this.#writing.then(() => this.#replace()).then(() => null, messageOf);
    this.#writing = stored;
    return stored;
  }

  async #replace(): Promise<void> {
    const record = this.#record;
    await replace(this.#path, textOf(record));
    this.#stored = record;
  }
}

function textOf(record: ClusterRecord): string {
  return `${JSON.stringify({ version: 1, ...record })}\n`;
}

async function replace(path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  const file = await openFile(next, "w", 0o640);
  try {
    await writeFile(file, text);
    await syncFile(file);
  } finally {
    closeSync(file);
  }
  await renameFile(next, path);
  // A name is not on the disk before its directory is.
  const directory = await openFile(dirname(path), "r");
  try {
    await syncFile(directory);
  } finally {
    closeSync(directory);
  }
}

function read(path: string): ClusterRecord {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return { epoch: 0, maintenance: false };
    throw new ClusterError("CLUSTER_STATE", `cannot read ${path}: ${messageOf(error)}`, error);
  }
  try {
    const { epoch, maintenance } = RECORD.parse(JSON.parse(text));
    return { epoch, maintenance };
  } catch (error) {
    throw new ClusterError(
      "CLUSTER_STATE",
      `${path} does not hold this node's place in its cluster: remove it while the other node is active`,
      error,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
