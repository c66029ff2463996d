/** Choosing the best response (RFC 3261 §16.7 items 6 and 7). */

import { lineEnd } from "../sip/message/build-response.ts";
import { PROXY_AUTHENTICATE, WWW_AUTHENTICATE } from "../sip/message/header-name.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import type { FinalResponse } from "./response-context.ts";

/** 4xx that say what the caller can mend (§16.7 item 6). */
const TELLING: ReadonlySet<number> = new Set([401, 407, 415, 420, 484]);

/** Is `candidate` better than what is held? 6xx first, then the lowest class; within 4xx those that tell more; else the first. */
export function isBetter(candidate: FinalResponse, held: FinalResponse | null): boolean {
  return held === null || rank(candidate) < rank(held);
}

function rank({ status, text }: FinalResponse): number {
  if (status >= 600) return 0;
  const own = text === "" ? 0.5 : 0; // what a target said tells more than our own 408 or 503
  const telling = TELLING.has(status) ? 0 : 1;
  // A 408 of ours must not hide a 5xx that a target gave: it only says that we waited.
  if (text === "" && status === 408) return 55;
  return Math.floor(status / 100) * 10 + telling + own;
}

/** Challenge lines of a 401 or 407, to be added to the one that goes up (§16.7 item 7). */
export function challengesOf(response: SipMessage): string[] {
  const lines: string[] = [];
  for (let row = 0; row < response.rows; row++) {
    const id = response.idAt(row);
    if (id === WWW_AUTHENTICATE || id === PROXY_AUTHENTICATE) {
      lines.push(response.raw.slice(response.lineStart(row), lineEnd(response, row)));
    }
  }
  return lines;
}
