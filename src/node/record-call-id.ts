/** Which call a record is of: by its Call-ID all of a call's records are found together, and with them those that a message is about. */
import { kindOf } from "../replication/journal.ts";
import { readField } from "../replication/record-text.ts";
import { flat } from "../sip/flat.ts";
import { CALL_KEY_FIELD } from "./context-record.ts";
import { CONTEXT_KIND } from "./node-journal.ts";

/** @returns the Call-ID; "" for what is of no call, or does not say it: that is restored before all others */
export function callIdOfRecord(key: string, text: string): string {
  switch (kindOf(key)) {
    case "call": // "call <CSeq> <Call-ID> <tag>": none of them has a space (RFC 3261 §25.1)
      return between(key, key.indexOf(" ", "call ".length) + 1);
    case CONTEXT_KIND:
      return between(readField(text, CALL_KEY_FIELD), 0);
    default:
      return "";
  }
}

/** From there to the last space; a copy, as a slice would keep the whole text alive. */
function between(text: string, from: number): string {
  const to = text.lastIndexOf(" ");
  return to <= from ? "" : flat(`${text.slice(from, from + 1)}${text.slice(from + 1, to)}`);
}
