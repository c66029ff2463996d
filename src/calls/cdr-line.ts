/** A finished call as one line of JSON, the format of the CDR file (docs/cdr.md). Pure. */
import { Buffer, isUtf8 } from "node:buffer";
import type { Cdr, CdrAttempt } from "./cdr.ts";

/** What cannot stand between quotation marks as it is (RFC 8259 §7), and all that is not ASCII. */
const NOT_PLAIN = /["\\\u0000-\u001f\u007f-\uffff]/;
const NOT_ASCII = /[^\u0000-\u007f]/;
const NOT_LATIN1 = /[^\u0000-\u00ff]/;

/**
 * Allowed in JSON, but no text: a terminal that shows the file obeys DEL and C1 controls, and some readers of lines
 * break them at U+2028 and U+2029.
 */
const UNSEEN = /[\u007f-\u009f\u2028\u2029]/g;

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
/** "00." to "59.", and `000Z"` to `999Z"`. */
const SECONDS = Array.from({ length: 60 }, (_, second) => `${String(second).padStart(2, "0")}.`);
const MILLISECONDS = Array.from({ length: 1_000 }, (_, ms) => `${String(ms).padStart(3, "0")}Z"`);
/** Years 1970 to 9999: what ISO 8601 writes in four digits. */
const TIME_MS_MAX = 253_402_300_799_999;

/**
 * A CDR as JSON on one line, without the line feed.
 * @param cdr its texts are latin1 readings of the bytes on the wire: read as UTF-8 where that is valid, else as
 *   they stand. A time or duration that is no number becomes null.
 * @returns every key of docs/cdr.md, always in that order. Never throws.
 */
export function cdrLine(cdr: Cdr): string {
  const times = new IsoTimes();
  return (
    `{"id":"${inner(cdr.id)}","node":"${inner(cdr.node)}","callId":"${inner(cdr.callId)}` +
    `","from":"${inner(cdr.from)}","to":"${inner(cdr.to)}","requested":"${inner(cdr.requested)}` +
    `","ingress":"${inner(cdr.ingress)}","source":"${inner(cdr.source)}` +
    `","attempts":[${attemptList(cdr.attempts, times)}],"target":"${inner(cdr.target)}` +
    `","start":${times.text(cdr.start)},"ringing":${times.text(cdr.ringing)}` +
    `,"answer":${times.text(cdr.answer)},"end":${times.text(cdr.end)}` +
    `,"durationMs":${whole(cdr.durationMs)},"status":${whole(cdr.status)}` +
    `,"endedBy":"${inner(cdr.endedBy)}","reason":"${inner(cdr.reason)}"}`
  );
}

function attemptList(attempts: readonly CdrAttempt[], times: IsoTimes): string {
  let text = "";
  for (const { target, status, reason, at, ms } of attempts) {
    if (text !== "") text += ",";
    text +=
      `{"target":"${inner(target)}","status":${whole(status)},"reason":"${inner(reason)}` +
      `","at":${times.text(at)},"ms":${whole(ms)}}`;
  }
  return text;
}

/** What stands between the quotation marks of a JSON string. */
function inner(text: string): string {
  if (!NOT_PLAIN.test(text)) return text;
  return JSON.stringify(unicode(text)).slice(1, -1).replace(UNSEEN, escaped);
}

/** Bytes that are no UTF-8 are most likely ISO 8859-1 of an old PBX: read as that, no byte of them is lost. */
function unicode(text: string): string {
  if (!NOT_ASCII.test(text) || NOT_LATIN1.test(text)) return text; // beyond latin1: a name from the configuration
  const bytes = Buffer.from(text, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : text;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function whole(value: number): string {
  return Number.isFinite(value) ? `${Math.round(value)}` : "null";
}

/**
 * Times as Date.prototype.toISOString writes them, in quotation marks. By hand: there are half a dozen in each line, mostly
 * of one minute, and that method takes longer for one of them than all else here.
 */
class IsoTimes {
  private minute = -1;
  /** A quotation mark, and the time up to the minute's colon. */
  private upToMinute = "";

  text(at: number | null): string {
    if (at === null || !(at >= 0 && at <= TIME_MS_MAX)) return "null";
    const minute = Math.floor(at / MINUTE_MS);
    if (minute !== this.minute) {
      this.minute = minute;
      const day = Math.floor(minute / DAY_MINUTES);
      const ofDay = minute - day * DAY_MINUTES;
      this.upToMinute = `"${isoDate(day)}T${two(Math.floor(ofDay / 60))}:${two(ofDay % 60)}:`;
    }
    const ms = Math.floor(at) - minute * MINUTE_MS;
    const second = Math.floor(ms / 1_000);
    return this.upToMinute + SECONDS[second] + MILLISECONDS[ms - second * 1_000];
  }
}

/** Gregorian date of a day counted from 1970-01-01. Years are taken from March on, so that the leap day is their last. */
function isoDate(day: number): string {
  const fromYear0 = day + 719_468; // 0000-03-01
  const era = Math.floor(fromYear0 / 146_097); // 400 years
  const ofEra = fromYear0 - era * 146_097;
  const leapDays = Math.floor(ofEra / 1_460) - Math.floor(ofEra / 36_524) + Math.floor(ofEra / 146_096);
  const yearOfEra = Math.floor((ofEra - leapDays) / 365);
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const dayOfMonth = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return `${era * 400 + yearOfEra + (month <= 2 ? 1 : 0)}-${two(month)}-${two(dayOfMonth)}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}
