/** What a server writes into the topmost Via on arrival: `received` and `rport` (RFC 3261 §18.2.1, RFC 3581 §4). */
import { addressOf } from "../uri.ts";
import { skipQuoted, spanOf, TOKEN } from "./character.ts";
import type { Via } from "./via.ts";

/**
 * The topmost Via as it is to be copied into responses and into the forwarded request.
 * @param source where the request came from
 * @returns the value that is to stand in the place of the old one; the same text where nothing is to be said
 */
export function stampedVia(text: string, via: Via, source: { address: string; port: number }): string {
  const value = text.slice(via.start, via.end);
  const sameHost = addressOf(via.host) === source.address;
  if (via.rport === null && sameHost && via.received === "") return value;
  if (via.rportEnd >= 0 && via.received === "") {
    // As nearly all are: the two go where `rport` stands.
    return `${text.slice(via.start, via.rportEnd)}=${source.port};received=${source.address}${text.slice(via.rportEnd, via.end)}`;
  }
  const params = text.slice(via.sentByEnd, via.end);
  let out = text.slice(via.start, via.sentByEnd);
  for (const param of splitParams(params)) {
    const name = param.slice(0, spanOf(TOKEN, param, 0, param.length)).toLowerCase();
    if (name === "rport") out += `;rport=${source.port}`;
    else if (name !== "received") out += `;${param}`;
  }
  return via.rport !== null || !sameHost ? `${out};received=${source.address}` : out;
}

/** Parameters without their `;`, white space at the ends removed. */
function splitParams(text: string): string[] {
  const params: string[] = [];
  let start = text.indexOf(";") + 1;
  if (start === 0) return params;
  let at = start;
  while (at <= text.length) {
    const code = text.charCodeAt(at);
    if (at === text.length || code === 59) {
      params.push(text.slice(start, at).trim());
      start = at + 1;
    } else if (code === 34) at = skipQuoted(text, at, text.length) - 1;
    at++;
  }
  return params;
}
