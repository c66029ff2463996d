// A listener that can't be opened: the one error that `openTransports` gives.
import { errorCode } from "./failure.ts";
import type { ListenerAddress } from "./flow.ts";

export type ListenErrorCode = "LISTEN_IN_USE" | "LISTEN_NOT_LOCAL" | "LISTEN_FORBIDDEN" | "LISTEN_FAILED";

const CAUSES: Readonly<Record<string, readonly [ListenErrorCode, string]>> = {
  EADDRINUSE: ["LISTEN_IN_USE", "another program serves it already"],
  EADDRNOTAVAIL: ["LISTEN_NOT_LOCAL", "this machine does not have that address"],
  EACCES: [
    "LISTEN_FORBIDDEN",
    "the operating system forbids it (ports below 1024 need CAP_NET_BIND_SERVICE)",
  ],
};

/** The outage of one listener at the start. Nothing stays open behind it. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** Stable: docs/errors.md. */
  readonly code: ListenErrorCode;
  readonly listener: ListenerAddress;

  constructor(listener: ListenerAddress, cause: Error) {
    const [code, why] = CAUSES[errorCode(cause)] ?? (["LISTEN_FAILED", cause.message] as const);
    super(`cannot listen on ${formatListener(listener)}: ${why}`, { cause });
    this.code = code;
    this.listener = listener;
  }
}

/** As written in the configuration: "udp://198.51.100.10:5060", "tcp://[2001:db8::1]:5060". */
export function formatListener({ transport, address, port }: ListenerAddress): string {
  return `${transport}://${address.includes(":") ? `[${address}]` : address}:${port}`;
}
