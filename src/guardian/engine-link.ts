/** The engine's end of the channel to its guardian. */
import type { FloatingIpSettings } from "../floating-ip/settings.ts";
import type { EngineMessage, ResignationCopy } from "./engine-message.ts";

/** Set for an engine that has a guardian. */
export const GUARDIAN_VARIABLE = "TANDEM_GUARDIAN";

export interface EngineReport {
  readonly holds: boolean;
  readonly ready: boolean;
  readonly status: string;
}

export interface GuardianLink {
  /** Called each 100 ms at least: the guardian kills an engine that serves and misses five of them. */
  beat(): void;
  /** Before the first address is added. */
  settings(floatingIp: FloatingIpSettings): void;
  /**
   * What the beats say from now on; told at once. `holds` is set *before* an address is added and cleared after it has been
   * confirmed gone: in between the guardian has to remove it.
   */
  report(report: EngineReport): void;
  /** New datagrams to resign by, at each change of epoch, sequence or a peer's nonce. */
  resignation(copies: readonly ResignationCopy[]): void;
  /** The last thing before a planned end: without beats the guardian soon kills, and its own death matters no more. */
  close(): void;
}

/**
 * @param onLost the guardian has died: give up the address and end. Called once at most.
 * @returns null where this process has no guardian
 */
export function openGuardianLink(onLost: () => void): GuardianLink | null {
  if (process.env[GUARDIAN_VARIABLE] !== "1" || process.send === undefined) return null;
  let report: EngineReport = { holds: false, ready: false, status: "starting" };
  let copies: readonly ResignationCopy[] | null = null;
  const send = (message: EngineMessage): void => {
    // The answer to a channel that is closed is `disconnect`, which comes by itself.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  const beat = (): void => {
    send({ kind: "beat", ...report, resignation: copies });
    copies = null;
  };
  process.once("disconnect", onLost);
  beat();
  return {
    beat,
    settings: (floatingIp) => send({ kind: "settings", floatingIp }),
    report: (next) => {
      report = next;
      beat();
    },
    resignation: (next) => {
      copies = next;
      beat();
    },
    close: () => {
      process.off("disconnect", onLost);
      if (process.connected) process.disconnect();
    },
  };
}
