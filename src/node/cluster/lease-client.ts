/** The lease in Redis, over a connection of its own: no batch of the journal delays it. */
import { type LeaseOwner, leaseCommand, readLeaseAnswer } from "../../cluster/lease-command.ts";
import type { LeaseOperation, LeaseReply } from "../../cluster/node-state.ts";
import { RedisFault } from "../../replication/redis-client.ts";
import { infoFields, RedisConnection, type RedisServer } from "../../replication/redis-connection.ts";
import type { RedisSettings } from "../../replication/redis-settings.ts";
import type { StoreFault } from "../../replication/store.ts";

/** A replica that has not acknowledged by then is not waited for: the epoch on disk and in the heartbeats bridges its loss. */
const REPLICA_WAIT_MS = 50;

export interface LeaseEvents {
  up(server: RedisServer): void;
  down(fault: StoreFault): void;
}

export class LeaseClient {
  readonly #connection: RedisConnection;
  readonly #owner: LeaseOwner;
  #source = "";
  #hasReplicas = false;

  constructor(settings: RedisSettings, owner: LeaseOwner, events: LeaseEvents) {
    this.#owner = owner;
    this.#connection = new RedisConnection(settings, {
      random: Math.random,
      up: (server) => {
        this.#source = `${server.runId} ${server.address.host}:${server.address.port}`;
        void this.#lookForReplicas();
        events.up(server);
      },
      down: (fault) => events.down(fault),
    });
    this.#connection.start();
  }

  /** Answers once, later, within the time-out of a command; the answers come in the order of the operations. */
  run(operation: LeaseOperation, done: (reply: LeaseReply) => void): void {
    this.#run(operation).then(done, (error: unknown) => {
      if (!(error instanceof RedisFault)) throw error;
      done({ outcome: "error", message: error.fault.message });
    });
  }

  close(): void {
    this.#connection.close();
  }

  async #run(operation: LeaseOperation): Promise<LeaseReply> {
    const command = leaseCommand(operation, this.#owner);
    const source = this.#source;
    const args = ["EVAL", command.script, String(command.keys.length), ...command.keys, ...command.arguments];
    const reply = readLeaseAnswer(await this.#connection.call(args), source);
    if (command.replicated && this.#hasReplicas && reply.outcome === "granted")
      await this.#connection.call(["WAIT", "1", String(REPLICA_WAIT_MS)], { waitMs: REPLICA_WAIT_MS });
    return reply;
  }

  /** As of the connection: one that comes later is waited for after the next connection. */
  async #lookForReplicas(): Promise<void> {
    try {
      const info = infoFields(await this.#connection.call(["INFO", "replication"]));
      this.#hasReplicas = Number(info.get("connected_slaves") ?? "0") > 0;
    } catch (error) {
      if (!(error instanceof RedisFault)) throw error; // the connection is lost, which `down` tells
    }
  }
}
