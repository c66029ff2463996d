/**
 * The engine of a cluster, all its parts together: it begins as a standby, becomes active by the word of its machine, and ends when it
 * has served: its guardian starts it anew as a standby. Nothing of what it owned can so outlive its right to it.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { pino } from "pino";
import type { ClusterPort } from "../../admin/cluster-commands.ts";
import { nextTurn } from "../../cluster/cadence.ts";
import { configFingerprint } from "../../cluster/fingerprint.ts";
import { HeartbeatCodec } from "../../cluster/heartbeat-codec.ts";
import { serveUntilOf } from "../../cluster/lease.ts";
import { ProbeSigner } from "../../cluster/probe-token.ts";
import { RelayCodec } from "../../cluster/relay-codec.ts";
import { isHandingOverTo } from "../../cluster/switching-over.ts";
import type { ClusterConfig, Config } from "../../config/config.ts";
import type { RedisConfig } from "../../config/redis-config.ts";
import { type GuardianLink, openGuardianLink } from "../../guardian/engine-link.ts";
import type { RedisSettings } from "../../replication/redis-settings.ts";
import { TimeoutClock } from "../../replication/timeout-clock.ts";
import { SystemClock } from "../system-clock.ts";
import { AddressKeeper, floatingIpSettings } from "./address-keeper.ts";
import { type CallEngine, callEngine } from "./call-engine.ts";
import { ClusterEdges } from "./cluster-edges.ts";
import { ClusterFile } from "./cluster-file.ts";
import { clusterSettings, probedAddress } from "./cluster-settings.ts";
import { clusterStatus } from "./cluster-status.ts";
import { EpochKeeper } from "./epoch-keeper.ts";
import { HeartbeatPaths } from "./heartbeat-paths.ts";
import { History } from "./history.ts";
import { Intake } from "./intake.ts";
import { LeaseClient } from "./lease-client.ts";
import { askOwner } from "./owner-probe.ts";
import { redisSettings } from "./redis-files.ts";
import { Replica } from "./replica.ts";

/** How often all is done that is done all the time: one wake-up for it, and the heartbeats and the lease fall on the same moments. */
const TURN_MS = 100;
/** A wall clock that moves by more against the monotonic one: the machine stood still, or somebody set it. */
const CLOCK_JUMP_MS = 250;
const BOOT_BYTES = 16;
/** A disk that hangs must not keep a node from beginning anew. */
const ACCOUNTS_MS_MAX = 2_000;
/** Of records that this version writes. */
const SCHEMA = 1;

export class ClusterProcess {
  readonly #config: Config;
  readonly #cluster: ClusterConfig;
  readonly #log: pino.Logger;
  readonly #boot = randomBytes(BOOT_BYTES).toString("hex");
  readonly #clock = new TimeoutClock();
  /** Timers of calls fire on the node that may serve. Before it has ever served there are none, and names are kept up to date. */
  readonly #engineClock = new SystemClock(() => !this.edges.hasServed || this.edges.node.mayServe());
  readonly #ended: Promise<void>;
  readonly #end: () => void;
  readonly edges: ClusterEdges;
  readonly file: ClusterFile;
  readonly history: History;
  readonly replica: Replica;
  readonly engine: CallEngine;
  readonly address: AddressKeeper;
  readonly #intake: Intake;
  readonly #lease: LeaseClient;
  readonly #epochs: EpochKeeper;
  readonly #link: GuardianLink | null;
  #paths: HeartbeatPaths | null = null;
  #turn: NodeJS.Timeout;
  #isStarted = false;
  #wallAhead = Date.now() - performance.now();
  #isEnding = false;

  /** @throws ClusterError */
  constructor(config: Config, cluster: ClusterConfig, options: { redis: RedisConfig; log: pino.Logger }) {
    const { log } = options;
    let end = (): void => {};
    this.#ended = new Promise((resolve) => {
      end = resolve;
    });
    this.#end = end;
    this.#config = config;
    this.#cluster = cluster;
    this.#log = log;
    const { node } = config;
    const redis = redisSettings(options.redis);
    const owner = { cluster: cluster.name, node, boot: this.#boot };
    this.file = new ClusterFile(join(config.state.directory, "cluster.json"));
    this.#epochs = new EpochKeeper(this.file, {
      now: () => this.#clock.now(),
      onFault: (fault) => this.edges.node.feed({ kind: "disk", fault }),
    });
    this.replica = this.#replicaOf(redis, cluster, options.redis.flushEveryMs);
    this.history = new History({
      file: join(config.state.directory, "history.jsonl"),
      cluster: cluster.name,
      redis: this.replica.connection,
      onFault: (reason) => log.warn({ reason }, "history"),
    });
    const signer = new ProbeSigner(cluster.name, cluster.secret);
    this.engine = this.#engineOf(signer);
    this.#intake = new Intake({
      mayServe: () => this.edges.node.mayServe(),
      receive: (raw, flow) => this.engine.engine.receive(raw, flow),
      overdue: () => this.edges.node.feed({ kind: "tick" }),
    });
    this.address = this.#addressOf(cluster);
    this.#link = openGuardianLink(() => {
      log.error("the guardian is gone: this node gives up");
      this.edges.node.feed({ kind: "guardian-lost" });
      void this.leave();
    });
    this.#link?.settings(floatingIpSettings(cluster.floatingIp, node));
    this.#lease = new LeaseClient(redis, owner, {
      up: (server) => log.info({ version: server.version, ...server.address }, "Redis is there"),
      down: (fault) => log.warn({ code: fault.code, reason: fault.message }, "Redis does not answer"),
    });
    this.edges = this.#edgesOf(cluster, signer);
    this.#turn = this.#turnLater();
  }

  #replicaOf(redis: RedisSettings, cluster: ClusterConfig, flushEveryMs: number): Replica {
    const { node } = this.#config;
    return new Replica(
      redis,
      { cluster: cluster.name, node, boot: this.#boot, secrets: cluster.secret, flushEveryMs },
      {
        onFenced: ({ epoch, node: ruler }) => {
          if (isHandingOverTo(this.edges.node.state, ruler)) return;
          this.#stopAtOnce(`Redis refuses our records: epoch ${epoch} of ${ruler} rules`);
        },
        onHealth: (health) => this.#log.info(health, "journal"),
        onUnconfirmed: (messages) =>
          this.#log.warn({ messages }, "redis.confirm: messages have left without their commit"),
        // Hundreds a second under load, of which nobody else asks before the next turn.
        onApplied: () => {
          if (this.edges.isGetting) this.#tellJournal();
        },
      },
    );
  }

  #engineOf(signer: ProbeSigner): CallEngine {
    const { node } = this.#config;
    return callEngine(this.#config, {
      clock: this.#engineClock,
      log: this.#log,
      journal: this.replica.journal,
      mayServe: () => this.edges.node.mayServe(),
      take: (raw, flow) => this.#intake.take(raw, flow),
      answerProbe: (question) => {
        const { role, epoch } = this.edges.node.state;
        return signer.answer(question, { node, boot: this.#boot, epoch, role });
      },
    });
  }

  #addressOf(cluster: ClusterConfig): AddressKeeper {
    const log = this.#log;
    return new AddressKeeper(cluster.floatingIp, {
      node: this.#config.node,
      witnesses: cluster.witnesses,
      events: {
        mayHold: () => this.#mayHold(),
        onHolds: (holds) => this.edges.report(holds),
        onFront: (health, reason) => {
          log.warn({ front: health, reason }, "network of the floating IP");
          this.edges.node.feed({ kind: "front", health });
        },
        onWitness: (askedAt) => this.edges.node.feed({ kind: "witness", askedAt }),
        onFault: (reason) => log.warn({ reason }, "floating IP"),
        onConflict: (claim) => log.warn(claim, "another machine announces the floating IP"),
        onLapsed: () => this.#stopAtOnce("the floating IP was not renewed in time"),
      },
    });
  }

  #edgesOf(cluster: ClusterConfig, signer: ProbeSigner): ClusterEdges {
    const { node } = this.#config;
    const [boot, secrets] = [this.#boot, cluster.secret];
    const target = probedAddress(this.#config, cluster);
    const floating = new Set(cluster.floatingIp.addresses.map(({ address }) => address));
    const whoHas = () => this.address.whoHas(target.address);
    return new ClusterEdges(
      {
        settings: clusterSettings(cluster, node),
        boot,
        epochOnDisk: this.file.epoch,
        fingerprint: configFingerprint(this.#config, floating),
        schema: SCHEMA,
        paths: cluster.paths.length,
      },
      {
        log: this.#log,
        clock: this.#clock,
        codec: new HeartbeatCodec({ cluster: cluster.name, node, secrets }),
        relayCodec: new RelayCodec({ cluster: cluster.name, node, secrets }),
        pathConfigs: cluster.paths,
        lease: this.#lease,
        address: this.address,
        replica: this.replica,
        engine: this.engine,
        intake: this.#intake,
        file: this.file,
        epochs: this.#epochs,
        history: this.history,
        link: this.#link,
        hook: this.#config.role.hook,
        fence: cluster.fence.command,
        askOwner: () => askOwner({ signer, boot, target, floating, whoHas }),
        onOffered: () => this.#tellJournal(),
        onFollow: () => void this.#finish("it has served: it begins anew as a standby"),
      },
    );
  }

  /** @throws ClusterError, FloatingIpError; nothing stays open then */
  async start(): Promise<void> {
    const { edges } = this;
    try {
      await this.address.start();
      await this.engine.engine.begin();
      this.#paths = await HeartbeatPaths.open(this.#cluster.paths, this.#config.node, (datagram, path) =>
        edges.heard(datagram, path),
      );
    } catch (error) {
      await this.#close();
      throw error;
    }
    edges.use(this.#paths);
    this.replica.start();
    if (this.file.maintenance) edges.operate({ kind: "maintenance", on: true });
    edges.node.start();
    this.#isStarted = true;
    edges.report();
  }

  /** What commands ask. */
  get port(): ClusterPort {
    return {
      status: () =>
        clusterStatus(this.edges.node.state, {
          now: this.#clock.now(),
          mayServe: this.edges.node.mayServe(),
          replica: this.replica.state,
          uncommitted: this.replica.journal.uncommitted,
          unconfirmed: this.replica.journal.counts.unconfirmed,
        }),
      operate: (command) => this.edges.operate(command),
      history: () => this.history.read(),
    };
  }

  /** Settles when the process may end. */
  untilEnded(): Promise<void> {
    return this.#ended;
  }

  /** Hands over or steps down in order, and ends. */
  async leave(): Promise<void> {
    const { node } = this.edges;
    node.feed({ kind: "leave" });
    // An active node ends by becoming a standby; what takes longer than this is ended by the guardian.
    if (node.state.role === "standby" || node.state.role === "maintenance") await this.#finish("told to end");
  }

  #mayHold(): boolean {
    const { node } = this.edges;
    const { role, lease, settings } = node.state;
    if (role === "active") return node.mayServe();
    return role === "taking-over" && this.#clock.now() < serveUntilOf(lease.renewedAt, settings);
  }

  #turnLater(): NodeJS.Timeout {
    const now = performance.now();
    return setTimeout(
      () => {
        this.#turn = this.#turnLater();
        this.#link?.beat();
        if (!this.#isStarted) return;
        this.address.turn();
        this.#lookAround();
      },
      Math.ceil(nextTurn(now, TURN_MS) - now),
    );
  }

  /** The machine is told how far the copy is, and the clocks are compared. */
  #lookAround(): void {
    this.#tellJournal();
    const { node } = this.edges;
    this.#epochs.look(node.state.epochSeen);
    const ahead = Date.now() - performance.now();
    if (Math.abs(ahead - this.#wallAhead) >= CLOCK_JUMP_MS) {
      this.#log.warn({ ms: Math.round(ahead - this.#wallAhead) }, "the wall clock has jumped");
      node.feed({ kind: "clock-jumped" });
    }
    this.#wallAhead = ahead;
  }

  #tellJournal(): void {
    const { applied, lagMs, inSync } = this.replica.state;
    const { node } = this.edges;
    const known = node.state.own;
    if (applied === known.applied && lagMs === known.lagMs && inSync === known.inSync) return;
    node.feed({ kind: "journal", applied, lagMs, inSync });
  }

  /** What this node holds is another's, or gone: nothing is read or sent any more, and the guardian clears up. */
  #stopAtOnce(reason: string): void {
    if (this.#isEnding) return;
    this.#log.error({ reason }, "this node stops at once");
    this.edges.node.stop();
    this.edges.closeSockets();
    void this.#finish(reason);
  }

  async #finish(reason: string): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#log.info({ reason }, "ending");
    this.edges.node.stop(); // it decides nothing any more
    await this.edges.sayGoodbye();
    await Promise.all([this.address.remove(), this.edges.untilRelayed()]);
    await this.#close();
    this.#end();
  }

  async #close(): Promise<void> {
    this.#isStarted = false;
    this.edges.closeSockets();
    await this.address.remove();
    await this.#writeAccounts();
    clearTimeout(this.#turn); // beats go on until the guardian need not hear them any more
    this.#link?.close();
    this.#paths?.close();
    this.#lease.close();
    this.replica.close();
    this.engine.engine.targets.close();
    this.engine.engine.overload.stop();
    this.#engineClock.stop();
    await this.address.close();
  }

  /** Accounts that Redis knows of are written by who serves next as well, and dropped there by their id; the others nobody else has. */
  async #writeAccounts(): Promise<void> {
    const { cdrs } = this.engine.engine;
    if (cdrs === null || this.replica.journal.uncommitted === 0) return;
    // Not by the engine's own clock, which stands still on a node that may not serve.
    await Promise.race([cdrs.close(), delay(ACCOUNTS_MS_MAX, undefined, { ref: false })]);
  }
}
