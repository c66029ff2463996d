// Running totals of the sockets, each under a stable dotted name.
import type { DropReason } from "./flow.ts";

const PLAIN = [
  "udp.received",
  "udp.sent",
  "udp.keepAlives", // datagrams of CR and LF alone (RFC 5626 section 4.4.1 is for streams; phones do it on UDP)
  "udp.icmpErrors", // by a watched socket's receive side
  "udp.sendErrors",
  "udp.resent", // after a pending ICMP error had eaten the first attempt
  "udp.receiveErrors",
  "udp.watchRefused",
  "tcp.received",
  "tcp.sent",
  "tcp.pings",
  "tcp.accepted",
  "tcp.acceptErrors",
  "tcp.refusedAboveTotal",
  "tcp.refusedAboveAddress",
  "tcp.dialled",
  "tcp.dialFailures",
  "tcp.idleClosed",
  "tcp.lost", // ended by the far end or by the network
  "tcp.overflows",
  "send.noListener",
  "send.afterClose",
] as const;

const REASONS = [
  "empty-datagram",
  "datagram-too-large",
  "stream-head-too-large",
  "stream-body-too-large",
  "stream-no-content-length",
  "stream-bad-content-length",
  "stream-slow-sender",
  "stream-not-sip",
  "stream-cut-off",
] as const satisfies readonly DropReason[];

export type CounterName = (typeof PLAIN)[number] | `dropped.${DropReason}`;
export type Counters = Record<CounterName, number>;

/** All counters at 0, every name present. */
export function zeroCounters(): Counters {
  const names: CounterName[] = [...PLAIN, ...REASONS.map((reason) => `dropped.${reason}` as const)];
  return Object.fromEntries(names.map((name) => [name, 0])) as Counters;
}
