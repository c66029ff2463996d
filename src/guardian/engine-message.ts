/** What the engine tells its guardian, over the channel that Node makes between a process and its child. Plain data. */
import type { FloatingIpSettings } from "../floating-ip/settings.ts";

/** The signed datagrams by which this node resigns on one path, made beforehand: the guardian has no secret and no codec. */
export interface ResignationCopy {
  /** The own address of that path. */
  readonly from: string;
  readonly to: { readonly address: string; readonly port: number };
  /** Base64. For an address that was confirmed gone, and for one that was not. */
  readonly confirmed: string;
  readonly unconfirmed: string;
}

/** Paths times peers; a datagram of a heartbeat is far smaller than a packet. */
const COPIES_MAX = 64;
const COPY_TEXT_MAX = 2_048;

export type EngineMessage =
  /** Once, before the first address is added. */
  | { readonly kind: "settings"; readonly floatingIp: FloatingIpSettings }
  | {
      readonly kind: "beat";
      /** The address is on this machine, or the engine is about to add it. */
      readonly holds: boolean;
      /** It serves, or could. */
      readonly ready: boolean;
      /** For `systemctl status`: one line. */
      readonly status: string;
      /** Null: nothing has changed since the last one. */
      readonly resignation: readonly ResignationCopy[] | null;
    };

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCopy(value: unknown): value is ResignationCopy {
  if (!isObject(value) || !isObject(value["to"])) return false;
  const { from, confirmed, unconfirmed } = value;
  const { address, port } = value["to"];
  return (
    [from, address, confirmed, unconfirmed].every(
      (each) => typeof each === "string" && each !== "" && each.length <= COPY_TEXT_MAX,
    ) && typeof port === "number"
  );
}

function isSettings(value: unknown): value is FloatingIpSettings {
  return isObject(value) && ["linux", "script", "none"].includes(String(value["driver"]));
}

/** @returns null for what is no message of an engine of this version: it is ignored, and silence then says what is wrong */
export function readEngineMessage(value: unknown): EngineMessage | null {
  if (!isObject(value)) return null;
  if (value["kind"] === "settings" && isSettings(value["floatingIp"]))
    return { kind: "settings", floatingIp: value["floatingIp"] };
  const { kind, holds, ready, status, resignation } = value;
  if (kind !== "beat" || typeof holds !== "boolean" || typeof ready !== "boolean") return null;
  if (typeof status !== "string") return null;
  if (resignation === null) return { kind, holds, ready, status, resignation };
  if (!Array.isArray(resignation) || resignation.length > COPIES_MAX || !resignation.every(isCopy))
    return null;
  return { kind, holds, ready, status, resignation };
}
