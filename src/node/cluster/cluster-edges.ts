/** The world of one node of a cluster: does what its machine wants, and tells it what happened. */
import type { pino } from "pino";
import { ClusterNode } from "../../cluster/cluster-node.ts";
import type { ProbeOutcome } from "../../cluster/evidence.ts";
import type { HeartbeatCodec } from "../../cluster/heartbeat-codec.ts";
import type { Message, Role } from "../../cluster/message.ts";
import type { NodeStart } from "../../cluster/node-machine.ts";
import type { HistoryRecord, LeaseOperation, LeaseReply, OperatorCommand } from "../../cluster/node-state.ts";
import type { ClusterClock, ClusterPorts } from "../../cluster/ports.ts";
import { RelayCodec } from "../../cluster/relay-codec.ts";
import { isOutdated, type ResignationKit, resignationKit, resignations } from "../../cluster/resignation.ts";
import type { GuardianLink } from "../../guardian/engine-link.ts";
import type { ResignationCopy } from "../../guardian/engine-message.ts";
import type { AddressKeeper } from "./address-keeper.ts";
import { runBounded } from "./bounded-command.ts";
import type { CallEngine } from "./call-engine.ts";
import type { ClusterFile } from "./cluster-file.ts";
import type { HeartbeatPaths, PathConfig } from "./heartbeat-paths.ts";
import type { History, HistoryEntry } from "./history.ts";
import type { Intake } from "./intake.ts";
import type { LeaseClient } from "./lease-client.ts";
import { RelayReceiver, RelaySender } from "./relay.ts";
import type { Replica } from "./replica.ts";
import { RoleHook } from "./role-hook.ts";

/** A self-test that fails is tried again: the first answers may come before the kernel knows its own address. */
const VERIFY_TRIES_MAX = 3;
/** A goodbye, as often as a resignation. */
const GOODBYE_COPIES = 5;
/** Nothing came for so long after a hand-over: nothing will. */
const RELAY_QUIET_MS = 200;
/** A process that ends lets its last datagrams out. */
const LAST_WORDS_MS = 20;

export interface ClusterParts {
  readonly log: pino.Logger;
  readonly clock: ClusterClock;
  readonly codec: HeartbeatCodec;
  readonly relayCodec: RelayCodec;
  readonly pathConfigs: readonly PathConfig[];
  readonly lease: LeaseClient;
  readonly address: AddressKeeper;
  readonly replica: Replica;
  readonly engine: CallEngine;
  readonly intake: Intake;
  readonly file: ClusterFile;
  readonly history: History;
  readonly link: GuardianLink | null;
  readonly hook: readonly string[];
  readonly fence: readonly string[];
  /** OPTIONS to the floating IP. */
  readonly askOwner: () => Promise<ProbeOutcome>;
  /** A hand-over to this node has begun: from now on it waits for each commit. */
  readonly onOffered: () => void;
  /** This node follows again after it has served: its process ends, and begins anew. */
  readonly onFollow: () => void;
}

export class ClusterEdges implements ClusterPorts {
  readonly node: ClusterNode;
  readonly #parts: ClusterParts;
  readonly #hook: RoleHook;
  #paths: HeartbeatPaths | null = null;
  #answer: { readonly ok: boolean; readonly reason: string } | null = null;
  #holds = false;
  #hasServed = false;
  #relayed: Promise<void> = Promise.resolve();
  readonly #relays: RelayReceiver;
  #isRestoring = false;
  /** A takeover whose restoring goes on. */
  #takeover: HistoryEntry | null = null;
  #status = "starting";
  /** What the guardian has to resign by. */
  #kit: ResignationKit | null = null;

  constructor(start: NodeStart, parts: ClusterParts) {
    this.#parts = parts;
    this.#relays = new RelayReceiver((raw, flow) => parts.intake.take(raw, flow));
    this.node = new ClusterNode(start, this, parts.clock);
    this.#hook = new RoleHook(parts.hook, start.settings.node, (role, { ok, reason }) => {
      if (!ok) parts.log.warn({ role, reason }, "role.hook failed");
    });
  }

  /** From now on heartbeats leave by these. */
  use(paths: HeartbeatPaths): void {
    this.#paths = paths;
  }

  /** Calls were armed here, in this life. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  /** Is another node handing over to this one? */
  get isGetting(): boolean {
    return this.node.state.switchover?.side === "getting";
  }

  /** A datagram of a heartbeat path. */
  heard(datagram: Buffer, path: number): void {
    if (RelayCodec.isRelay(datagram)) {
      this.#heardRelay(datagram);
      return;
    }
    const decoded = this.#parts.codec.decode(datagram);
    if (!decoded.ok) {
      this.node.feed({ kind: "ignored", fault: decoded.fault });
      return;
    }
    const wasGetting = this.isGetting;
    this.node.feed({ kind: "message", path, message: decoded.message });
    if (this.isGetting && !wasGetting) this.#parts.onOffered();
  }

  #heardRelay(datagram: Buffer): void {
    const { boot, role, switchover } = this.node.state;
    const isGetting = role === "standby" && switchover?.side === "getting";
    if (!isGetting && role !== "active" && role !== "taking-over") {
      this.node.feed({ kind: "ignored", fault: "relay-refused" });
      return;
    }
    const decoded = this.#parts.relayCodec.decode(datagram);
    if (!decoded.ok) {
      this.node.feed({ kind: "ignored", fault: decoded.fault });
      return;
    }
    const now = this.#parts.clock.now();
    const kind = isGetting ? "getting" : "serving";
    const word = this.#relays.heard(decoded.relayed, { now, boot, kind });
    if (word === "relay-refused") this.node.feed({ kind: "ignored", fault: word });
  }

  operate(command: OperatorCommand): { readonly ok: boolean; readonly reason: string } {
    this.#answer = null;
    this.node.feed({ kind: "operator", command });
    if (command.kind === "maintenance" && this.#wasAnswered())
      void this.#parts.file.storeMaintenance(command.on).then((ok) => {
        if (!ok) this.#parts.log.error("maintenance can't be stored on the disk: a restart will forget it");
      });
    return this.#answer ?? { ok: false, reason: "the node is ending" };
  }

  #wasAnswered(): boolean {
    return this.#answer?.ok === true;
  }

  /** What the guardian says for us. */
  report(holds = this.#holds): void {
    this.#holds = holds;
    this.#parts.link?.report({ holds, ready: true, status: this.#status });
  }

  /** To the peers: this life ends, and its silence means nothing. */
  async sayGoodbye(): Promise<void> {
    this.#tellTakeover(null);
    const kit = resignationKit(this.node.state, this.#parts.clock.now());
    for (const message of resignations(kit, !this.#holds)) this.send(message, GOODBYE_COPIES);
    this.#hook.flush();
    await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
  }

  send(message: Message, copies: number): void {
    this.#paths?.send(message.to, this.#parts.codec.encode(message), copies);
    if (message.body.kind === "heartbeat") this.#prepareResignation();
  }

  #prepareResignation(): void {
    const { link } = this.#parts;
    if (link === null) return;
    const kit = resignationKit(this.node.state, this.#parts.clock.now());
    if (!isOutdated(this.#kit, kit)) return;
    this.#kit = kit;
    link.resignation(this.#copiesOf(kit));
  }

  #copiesOf(kit: ResignationKit): ResignationCopy[] {
    const { codec, pathConfigs } = this.#parts;
    const textsOf = (addressGone: boolean): string[] =>
      resignations(kit, addressGone).map((message) => codec.encode(message).toString("base64"));
    const [confirmed, unconfirmed] = [textsOf(true), textsOf(false)];
    return kit.peers.flatMap(({ node }, index) =>
      pathConfigs.flatMap((path) => {
        const [own, to] = [path[kit.node], path[node]];
        if (own === undefined || to === undefined) return [];
        const texts = { confirmed: confirmed[index] ?? "", unconfirmed: unconfirmed[index] ?? "" };
        return [{ from: own.address, to, ...texts }];
      }),
    );
  }

  lease(operation: LeaseOperation, done: (reply: LeaseReply) => void): void {
    this.#parts.lease.run(operation, done);
  }

  storeEpoch(epoch: number, done: (ok: boolean) => void): void {
    void this.#parts.file.storeEpoch(epoch).then((ok) => {
      if (!ok) this.#parts.log.error({ epoch }, "the epoch can't be stored on the disk");
      done(ok);
    });
  }

  probe(done: (outcome: ProbeOutcome) => void): void {
    void this.#parts.askOwner().then(done);
  }

  addAddress(done: (present: boolean) => void): void {
    void this.#parts.address.add().then(done);
  }

  removeAddress(done: (present: boolean) => void): void {
    void this.#parts.address.remove().then(done);
  }

  announce(): void {
    this.#parts.address.announce();
  }

  checkConflict(done: (found: boolean) => void): void {
    void this.#parts.address.hasOtherOwner().then(done);
  }

  openSockets(done: (ok: boolean) => void): void {
    const { address, engine, intake, log, clock } = this.#parts;
    intake.hold();
    this.#relays.open(this.node.state.epoch, clock.now());
    const open = async (): Promise<boolean> => {
      // A socket can't be bound to an address that is not there yet.
      if (!(await address.whenPresent())) return false;
      return await engine.transports.open();
    };
    open().then(done, (error: unknown) => {
      log.error(
        { reason: error instanceof Error ? error.message : String(error) },
        "the sockets can't be opened",
      );
      done(false);
    });
  }

  closeSockets(): void {
    this.#parts.intake.close();
    this.#parts.engine.transports.shut();
  }

  resetConnections(): void {
    this.#parts.engine.transports.resetConnections();
  }

  relay(to: string, forMs: number): void {
    const { intake, relayCodec, clock, log } = this.#parts;
    const { peers, epochSeen: epoch, boot, settings } = this.node.state;
    const toBoot = peers.find(({ node }) => node === to)?.boot ?? "";
    const sender = new RelaySender({ node: settings.node, boot, to, toBoot, epoch }, (relayed) => {
      const bytes = relayCodec.encode(relayed);
      if (bytes !== null) this.#paths?.send(to, bytes, 1);
      return bytes !== null;
    });
    this.#parts.replica.journal.retire(); // the successor writes
    intake.relay((raw, flow) => sender.take(raw, flow));
    const until = clock.now() + forMs;
    this.#relayed = new Promise((resolve) => {
      const look = (before: number): void => {
        const { relayed, dropped } = sender;
        const came = relayed + dropped;
        // Where the kernel gives the sockets nothing any more, the node begins anew the sooner.
        if (came > before && clock.now() < until) {
          clock.wakeAt(clock.now() + RELAY_QUIET_MS, () => look(came));
          return;
        }
        this.closeSockets();
        log.info({ to, relayed, dropped }, "late datagrams relayed");
        resolve();
      };
      clock.wakeAt(clock.now() + RELAY_QUIET_MS, () => look(0));
    });
  }

  /** Settles when nothing is relayed any more. */
  untilRelayed(): Promise<void> {
    return this.#relayed;
  }

  applyJournal(done: (ok: boolean) => void): void {
    this.#parts.replica.catchUp(done);
  }

  followJournal(): void {
    this.#parts.onFollow();
  }

  armCalls(epoch: number): void {
    const { replica, intake, clock } = this.#parts;
    const { engine } = this.#parts.engine;
    const armedAt = clock.now();
    this.#hasServed = true;
    this.#isRestoring = true;
    replica.serve(epoch, this.node.state.byRedis);
    engine.inherit(replica.inheritance);
    engine.serve();
    intake.open();
    void engine
      .restoreRest(() => this.node.mayServe())
      .then((restored) => {
        replica.journal.adopted();
        this.#tellTakeover({ restored: { ...restored }, restoredMs: clock.now() - armedAt });
      });
  }

  /** The takeover that waits for the end of its restoring is told. */
  #tellTakeover(end: { restored: Readonly<Record<string, number>>; restoredMs: number } | null): void {
    this.#isRestoring = false;
    const told = this.#takeover;
    this.#takeover = null;
    if (told === null) return;
    if (end === null) {
      this.#tell(told);
      return;
    }
    const { restored, restoredMs } = end;
    const phases = { ...told.phases, restored: (told.phases?.["total"] ?? 0) + restoredMs };
    this.#tell({ ...told, phases, restored });
  }

  stopAndFlush(done: (ok: boolean, lastEntry: number) => void): void {
    this.#parts.intake.hold();
    // A journal that can't be drained says so at once: too soon for the machine, which is in the middle of a step.
    this.#parts.replica.drain((ok, lastEntry) => setImmediate(() => done(ok, lastEntry)));
  }

  resumeCalls(): void {
    this.#parts.intake.open();
  }

  journalAgain(epoch: number): void {
    this.#parts.replica.journal.raise(epoch);
  }

  verify(done: (ok: boolean) => void): void {
    const ask = async (): Promise<boolean> => {
      for (let tries = 0; tries < VERIFY_TRIES_MAX; tries++)
        if ((await this.#parts.askOwner()) === "own") return true;
      return false;
    };
    void ask().then(done);
  }

  fencePeer(node: string | null, done: (ok: boolean) => void): void {
    const { fence, log } = this.#parts;
    const env = { TANDEM_NODE: this.node.state.settings.node, TANDEM_FENCE: node ?? "" };
    void runBounded([...fence, node ?? ""], env).then(({ ok, reason }) => {
      log.warn({ peer: node, ok, reason }, "fence.command");
      done(ok);
    });
  }

  hook(role: Role): void {
    this.#status = role;
    // From now on the cluster waits for this node, as for one that has the address.
    if (role === "taking-over") this.#holds = true;
    this.report();
    this.#hook.run(role);
  }

  record(record: HistoryRecord): void {
    const entry: HistoryEntry = { at: new Date().toISOString(), ...record };
    // How much was taken over is known when all is restored.
    if (this.#isRestoring && record.what === "takeover" && record.phases !== null) this.#takeover = entry;
    else this.#tell(entry);
  }

  #tell(entry: HistoryEntry): void {
    this.#parts.history.add(entry);
    const { what, row, reason, role, epoch, phases, restored } = entry;
    const fields = {
      what,
      row,
      reason,
      role,
      epoch,
      ...(phases === null ? {} : { phases }),
      ...(restored ?? {}),
    };
    if (what === "alarm") this.#parts.log.warn(fields, "cluster");
    else this.#parts.log.info(fields, "cluster");
  }

  answer(ok: boolean, reason: string): void {
    this.#answer = { ok, reason };
  }
}
