/** Who watches how targets behave, as the proxy tells of the calls that it sends them: passive detection. */
import type { Flow } from "../transport/flow.ts";

/** Reasons for a loss that are ours: a datagram that is too large, no listener, no room in our own kernel. */
export function isOurOwn(reason: string, { transport }: Flow): boolean {
  return reason === "too-large" || reason === "no-listener" || (reason === "overflow" && transport === "udp");
}

export interface TargetWatch {
  /** The target answered a request outside a dialog: a final response, or a provisional above 100. */
  heard(target: string, status: number, retryAfterS: number | null, now: number): void;
  /** It did not answer in time. */
  silent(target: string, now: number): void;
  /** What was sent to it did not arrive, as far as the network says. */
  failed(target: string, failure: string, now: number): void;
}
