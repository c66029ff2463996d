// What the sockets may cost. Keys and defaults are those of `limits` in the configuration.
import { HEAD_BYTES_MAX, MESSAGE_BYTES_MAX } from "../sip/message/limits.ts";

export interface TransportLimits {
  /** Largest message taken, on any transport. */
  readonly messageBytes: number;
  /** TCP connections in all, accepted and dialled. */
  readonly connections: number;
  /** Accepted TCP connections of one remote address. */
  readonly connectionsPerAddress: number;
  /** A connection with no byte either way for so long is closed; at least 64*T1 (RFC 3261 section 18). */
  readonly tcpIdleMs: number;
  /** Time for a message on TCP to be complete, from its first byte. */
  readonly messageTimeoutMs: number;
  /** Time for a TCP connection to open. */
  readonly connectTimeoutMs: number;
  /** Bytes that may wait on one TCP connection (not yet open, or with a far end that does not read). */
  readonly sendQueueBytes: number;
  /** Connected UDP sockets of targets; each is a file descriptor and a receive buffer. */
  readonly watchedTargets: number;
}

export const DEFAULT_LIMITS: TransportLimits = {
  messageBytes: MESSAGE_BYTES_MAX,
  connections: 10_000,
  connectionsPerAddress: 100,
  tcpIdleMs: 600_000,
  messageTimeoutMs: 10_000,
  connectTimeoutMs: 2_000,
  sendQueueBytes: 1_048_576,
  watchedTargets: 1_024,
};

/** Bytes up to the empty line that ends the headers, on TCP; the parser has the same limit. */
export const STREAM_HEAD_BYTES_MAX = HEAD_BYTES_MAX;
/** A burst of 4,000 INVITEs while the engine is busy for a moment. The kernel gives at most net.core.rmem_max. */
export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** How long a connection that we end may take to write what is queued and to hear the other end's FIN. */
export const CLOSE_GRACE_MS = 1_000;
/** Idle time after which the kernel begins to probe a connection; it finds hosts that are gone. */
export const KEEP_ALIVE_DELAY_MS = 60_000;
/** Ports by which a connection may be known besides its own (RFC 5923 aliases). */
export const ALIASES_MAX = 4;
