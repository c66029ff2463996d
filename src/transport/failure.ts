// System errors as the reasons that the proxy acts on. The codes are stable names of the operating system.
import type { SendFailure } from "./flow.ts";

const FAILURES: Readonly<Record<string, SendFailure>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "refused", // while connecting: the far end's kernel answered with a reset
  EMSGSIZE: "too-large",
  ETIMEDOUT: "timeout",
  ENOBUFS: "overflow",
  EAGAIN: "overflow",
};

/** Code of a system error; "" where it has none. */
export function errorCode(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}

/** Why a datagram or a dial failed. EPERM, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL and the like are "unreachable". */
export function failureOf(error: Error): SendFailure {
  return FAILURES[errorCode(error)] ?? "unreachable";
}

/** Can this be a port to send to? The socket calls throw on others. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}
