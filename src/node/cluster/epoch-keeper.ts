/**
 * Brings the highest epoch that this node knows of to its disk, where the next life reads it: a Redis that is back old or empty must
 * not grant it a second time. A write that failed is said once, and tried again until one succeeds.
 */
import type { ClusterFile } from "./cluster-file.ts";

/** A disk that takes nothing is not asked more often. */
const STORE_AGAIN_MS = 1_000;

export interface EpochKeeperPorts {
  readonly now: () => number;
  /** Why the disk takes nothing; null: it does again. Told when it changes. */
  readonly onFault: (fault: string | null) => void;
}

export class EpochKeeper {
  readonly #file: Pick<ClusterFile, "epoch" | "storeEpoch">;
  readonly #ports: EpochKeeperPorts;
  #writing = 0;
  #fault: string | null = null;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(file: Pick<ClusterFile, "epoch" | "storeEpoch">, ports: EpochKeeperPorts) {
    this.#file = file;
    this.#ports = ports;
  }

  /** Called often: writes where the disk has less, nothing is under way, and the last failure is not too young. */
  look(epoch: number): void {
    if (epoch <= this.#file.epoch || this.#writing > 0 || this.#ports.now() < this.#nextAt) return;
    void this.store(epoch);
  }

  /** At once, whatever failed before. Never rejects. @returns whether it is on the disk, synced */
  async store(epoch: number): Promise<boolean> {
    this.#writing++;
    const fault = await this.#file.storeEpoch(epoch);
    this.#writing--;
    this.#nextAt = fault === null ? Number.NEGATIVE_INFINITY : this.#ports.now() + STORE_AGAIN_MS;
    const changed = (fault === null) !== (this.#fault === null);
    this.#fault = fault;
    if (changed) this.#ports.onFault(fault);
    return fault === null;
  }
}
