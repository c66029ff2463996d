/** What one message may cost. Past a limit the sender gets 513 (or 400), and the refusal is counted. */

/** Whole message in bytes: a UDP datagram can't be larger, and no signalling needs more. */
export const MESSAGE_BYTES_MAX = 65_535;
/** Header lines of one message: twenty are usual, seventy the most that long Via and Record-Route paths make. */
export const HEADERS_MAX = 256;
/** Bytes of the header section: beyond it is abuse, as no body counts here. */
export const HEAD_BYTES_MAX = 32_768;
/** Bytes of a Request-URI: users write numbers, not letters. */
export const URI_BYTES_MAX = 2_048;
/** Largest CSeq number (RFC 3261 §8.1.1.5). */
export const CSEQ_MAX = 2_147_483_647;
/** Max-Forwards is one byte (RFC 3261 §20.22). */
export const MAX_FORWARDS_MAX = 255;
