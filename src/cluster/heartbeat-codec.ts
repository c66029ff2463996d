/**
 * Datagrams between the nodes of a cluster: `TANDEM/1 <cluster> <signature> <JSON>`. What does not verify is counted by its
 * kind and ignored; whether it is a replay is the peer's view to say (`peer-view.ts`).
 */
import type { Echo, Message, MessageBody, NodeStatus } from "./message.ts";
import { ClusterSigner } from "./signature.ts";
import { type Fields, isCount, isFields, readFields } from "./signed-json.ts";

/** The longest message (a heartbeat with two long reasons) has 900 bytes: none is fragmented. */
export const DATAGRAM_BYTES_MAX = 1_400;
/** Longest text in a message: names, reasons. */
const TEXT_LENGTH_MAX = 300;
/** Ages of switches that a heartbeat carries. */
const AGES_MAX = 16;

const MAGIC = "TANDEM/1";

/** Why a datagram was ignored. `unsigned`: of this cluster by its name, but with another secret, or forged. */
export type DecodeFault = "too-long" | "malformed" | "foreign" | "unsigned";

export type Decoded =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly fault: DecodeFault };

export class HeartbeatCodec {
  private readonly cluster: string;
  private readonly node: string;
  private readonly signer: ClusterSigner;
  /** The last one that was good: its copy comes by the other path. */
  private last: { readonly bytes: Buffer; readonly decoded: Decoded } | null = null;

  constructor(identity: { cluster: string; node: string; secrets: readonly string[] }) {
    this.cluster = identity.cluster;
    this.node = identity.node;
    this.signer = new ClusterSigner(identity.secrets, "heartbeat");
  }

  encode(message: Message): Buffer {
    const json = JSON.stringify(message);
    return Buffer.from(`${MAGIC} ${this.cluster} ${this.signer.sign(`${this.cluster} ${json}`)} ${json}`);
  }

  /** Never throws. A message to another node, or from ourselves (a reflected one), is foreign. */
  decode(datagram: Buffer): Decoded {
    if (this.last?.bytes.equals(datagram) === true) return this.last.decoded;
    const decoded = this.read(datagram);
    if (decoded.ok) this.last = { bytes: datagram, decoded };
    return decoded;
  }

  private read(datagram: Buffer): Decoded {
    if (datagram.length > DATAGRAM_BYTES_MAX) return { ok: false, fault: "too-long" };
    const parts = /^TANDEM\/1 (\S+) (\S+) (\{.*\})$/s.exec(datagram.toString("utf8"));
    const [, cluster = "", signature = "", json = ""] = parts ?? [];
    if (parts === null) return { ok: false, fault: "malformed" };
    if (cluster !== this.cluster) return { ok: false, fault: "foreign" };
    if (!this.signer.verify(`${cluster} ${json}`, signature)) return { ok: false, fault: "unsigned" };
    const message = readMessage(json);
    if (message === null) return { ok: false, fault: "malformed" };
    if (message.to !== this.node || message.node === this.node) return { ok: false, fault: "foreign" };
    return { ok: true, message };
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_LENGTH_MAX;
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isHealth(value: unknown): value is "ok" | "lost" {
  return value === "ok" || value === "lost";
}

const ROLES = ["standby", "taking-over", "active", "stepping-down", "maintenance", "fenced"] as const;

/** A signed message of a newer version may have more fields: they are passed over. */
function readMessage(json: string): Message | null {
  const value = readFields(json);
  if (value === null) return null;
  const { node, boot, to, sequence, at } = value;
  const body = readBody(value["body"]);
  const echo = readEcho(value["echo"]);
  const greeting = readEcho(value["greeting"]);
  if (!isText(node) || !isText(boot) || !isText(to) || !isCount(sequence) || !isTime(at)) return null;
  if (body === undefined || echo === undefined || greeting === undefined) return null;
  return { node, boot, to, sequence, at, echo, greeting, body };
}

/** undefined: malformed */
function readEcho(value: unknown): Echo | null | undefined {
  if (value === null) return null;
  if (!isFields(value)) return undefined;
  const { boot, sequence, at } = value;
  return isText(boot) && isCount(sequence) && isTime(at) ? { boot, sequence, at } : undefined;
}

function readBody(value: unknown): MessageBody | undefined {
  if (!isFields(value)) return undefined;
  if (value["kind"] === "heartbeat") {
    const status = readStatus(value["status"]);
    return status === undefined ? undefined : { kind: "heartbeat", status };
  }
  const { kind, epoch } = value;
  return isCount(epoch) ? readWord(kind, epoch, value) : undefined;
}

function readWord(kind: unknown, epoch: number, value: Fields): MessageBody | undefined {
  const { addressGone, successor, cause, force, reason } = value;
  switch (kind) {
    case "resignation":
      if (typeof addressGone !== "boolean" || !(successor === null || isText(successor))) return undefined;
      return { kind, epoch, addressGone, successor };
    case "please-resign":
      if ((cause !== "front-lost" && cause !== "operator") || typeof force !== "boolean") return undefined;
      return { kind, epoch, cause, force };
    case "offer":
      return typeof force === "boolean" ? { kind, epoch, force } : undefined;
    case "accept":
      return { kind, epoch };
    case "decline":
      return isText(reason) ? { kind, epoch, reason } : undefined;
    case "released":
      return typeof addressGone === "boolean" ? { kind, epoch, addressGone } : undefined;
    default:
      return undefined;
  }
}

function readStatus(value: unknown): NodeStatus | undefined {
  if (!isFields(value)) return undefined;
  const { epoch, byRedis, epochSeen, front, redis, applied, lagMs, notReady, fingerprint, schema } = value;
  const role = ROLES.find((name) => name === value["role"]);
  const active = readClaim(value["active"]);
  const ages = value["switchAgesMs"];
  if (!Array.isArray(ages)) return undefined;
  if (role === undefined || active === undefined || typeof byRedis !== "boolean") return undefined;
  if (!isCount(epoch) || !isCount(epochSeen) || !isCount(applied) || !isTime(lagMs)) return undefined;
  if (!isHealth(front) || !isHealth(redis) || !isText(fingerprint) || !isCount(schema)) return undefined;
  if (notReady !== null && !isText(notReady)) return undefined;
  return {
    role,
    epoch,
    byRedis,
    epochSeen,
    front,
    redis,
    applied,
    lagMs,
    notReady,
    fingerprint,
    schema,
    switchAgesMs: ages.filter(isTime).slice(0, AGES_MAX),
    active,
  };
}

function readClaim(value: unknown): NodeStatus["active"] | undefined {
  if (value === null) return null;
  if (!isFields(value)) return undefined;
  const { node, epoch } = value;
  return isText(node) && isCount(epoch) ? { node, epoch } : undefined;
}
