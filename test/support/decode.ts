/** Everything that our parser reads of a message, asked for at once: what tests compare with a truth or a reference. */

import { skipSpace } from "../../src/sip/header/character.ts";
import { type NameAddress, parseNameAddress } from "../../src/sip/header/name-address.ts";
import { parseVia, type Via } from "../../src/sip/header/via.ts";
import { CONTACT, RECORD_ROUTE, ROUTE, VIA } from "../../src/sip/message/header-name.ts";
import { parseMessage, type SipMessage } from "../../src/sip/message/sip-message.ts";
import { parseUri, type SipUri } from "../../src/sip/uri.ts";

export interface Decoded {
  readonly message: SipMessage;
  /** null for a response. */
  readonly uri: SipUri | null;
  readonly vias: readonly Via[];
  readonly from: string;
  readonly fromTag: string;
  readonly to: string;
  readonly toTag: string;
  readonly callId: string;
  readonly cseqNumber: number;
  readonly cseqMethod: string;
  readonly maxForwards: number | null;
  readonly contacts: readonly string[];
  readonly routes: readonly string[];
  readonly recordRoutes: readonly string[];
}

/** Values of every line of one header, commas followed. @throws what `read` throws */
export function valuesOf<T extends { readonly end: number }>(
  message: SipMessage,
  id: number,
  read: (text: string, from: number, to: number) => T,
): T[] {
  const values: T[] = [];
  for (let row = message.find(id); row >= 0; row = message.find(id, row + 1)) {
    const to = message.valueEnd(row);
    let at = message.valueStart(row);
    for (;;) {
      const value = read(message.raw, at, to);
      values.push(value);
      at = skipSpace(message.raw, value.end, to);
      if (at >= to) break;
      at++;
    }
  }
  return values;
}

function urisOf(message: SipMessage, id: number): string[] {
  return valuesOf<NameAddress>(message, id, parseNameAddress).map((address) => address.uri);
}

/** @throws SipParseError where any part is missing or malformed */
export function decode(text: string): Decoded {
  const message = parseMessage(text);
  return {
    message,
    uri: message.isRequest ? parseUri(message.uri) : null,
    vias: valuesOf(message, VIA, parseVia),
    from: message.from.uri,
    fromTag: message.fromTag,
    to: message.to.uri,
    toTag: message.toTag,
    callId: message.callId,
    cseqNumber: message.cseqNumber,
    cseqMethod: message.cseqMethod,
    maxForwards: message.maxForwards,
    contacts: urisOf(message, CONTACT),
    routes: urisOf(message, ROUTE),
    recordRoutes: urisOf(message, RECORD_ROUTE),
  };
}
