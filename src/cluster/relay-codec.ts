/**
 * A SIP datagram that came to the node that handed over, on its way to the one that serves: `TANDEM-RELAY/1 <cluster> <signature>
 * <JSON>`, a line feed, and the datagram as it came. Signed as a whole, for one life of one node in one epoch.
 */
import type { DecodeFault } from "./heartbeat-codec.ts";
import { ClusterSigner } from "./signature.ts";
import { isCount, isFields, readFields } from "./signed-json.ts";

/** Of a whole relay datagram: what UDP over IPv4 carries, less room for options. A larger message is dropped, and comes again. */
export const RELAY_BYTES_MAX = 65_000;

const MAGIC = "TANDEM-RELAY/1";
/** Bytes before the line feed: names and numbers. */
const RELAY_HEAD_BYTES_MAX = 1_400;
const LF = 10;

/** Where a relayed message came from, by the old node's sockets. */
export interface RelayedFrom {
  readonly listener: number;
  readonly address: string;
  readonly port: number;
}

export interface Relayed {
  readonly node: string;
  readonly boot: string;
  readonly to: string;
  /** Life of the receiver. */
  readonly toBoot: string;
  /** The successor's. */
  readonly epoch: number;
  /** Grows with each; copies over several paths share it. */
  readonly sequence: number;
  readonly from: RelayedFrom;
  /** latin1, as the socket gave it. */
  readonly raw: string;
}

export type DecodedRelay =
  | { readonly ok: true; readonly relayed: Relayed }
  | { readonly ok: false; readonly fault: DecodeFault };

export class RelayCodec {
  private readonly cluster: string;
  private readonly node: string;
  private readonly signer: ClusterSigner;

  constructor(identity: { cluster: string; node: string; secrets: readonly string[] }) {
    this.cluster = identity.cluster;
    this.node = identity.node;
    this.signer = new ClusterSigner(identity.secrets, "relay");
  }

  /** Is it one of these, and no heartbeat? */
  static isRelay(datagram: Buffer): boolean {
    return datagram.length > MAGIC.length && datagram.toString("latin1", 0, MAGIC.length) === MAGIC;
  }

  /** @returns null where it does not fit into a datagram */
  encode({ raw, ...head }: Relayed): Buffer | null {
    const json = JSON.stringify(head);
    const signature = this.signer.sign(`${this.cluster} ${json}\n${raw}`);
    const bytes = Buffer.concat([
      Buffer.from(`${MAGIC} ${this.cluster} ${signature} ${json}\n`),
      Buffer.from(raw, "latin1"),
    ]);
    return bytes.length > RELAY_BYTES_MAX ? null : bytes;
  }

  /** Never throws. One for another node, or from ourselves, is foreign. */
  decode(datagram: Buffer): DecodedRelay {
    if (datagram.length > RELAY_BYTES_MAX) return { ok: false, fault: "too-long" };
    const end = datagram.indexOf(LF);
    const parts =
      end < 0 || end > RELAY_HEAD_BYTES_MAX
        ? null
        : /^TANDEM-RELAY\/1 (\S+) (\S+) (\{.*\})$/.exec(datagram.toString("utf8", 0, end));
    const [, cluster = "", signature = "", json = ""] = parts ?? [];
    if (parts === null) return { ok: false, fault: "malformed" };
    if (cluster !== this.cluster) return { ok: false, fault: "foreign" };
    const raw = datagram.toString("latin1", end + 1);
    if (!this.signer.verify(`${cluster} ${json}\n${raw}`, signature)) return { ok: false, fault: "unsigned" };
    const relayed = readHead(json, raw);
    if (relayed === null) return { ok: false, fault: "malformed" };
    if (relayed.to !== this.node || relayed.node === this.node) return { ok: false, fault: "foreign" };
    return { ok: true, relayed };
  }
}

/** Signed, and so written by a node of this cluster; one of a newer version may have more fields. */
function readHead(json: string, raw: string): Relayed | null {
  const value = readFields(json);
  if (value === null) return null;
  const { node, boot, to, toBoot, epoch, sequence, from } = value;
  if (typeof node !== "string" || typeof boot !== "string") return null;
  if (typeof to !== "string" || typeof toBoot !== "string") return null;
  if (!isCount(epoch) || !isCount(sequence) || !isFields(from)) return null;
  const { listener, address, port } = from;
  if (!isCount(listener) || typeof address !== "string" || !isCount(port)) return null;
  return { node, boot, to, toBoot, epoch, sequence, from: { listener, address, port }, raw };
}
