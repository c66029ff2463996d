// The system calls that move many datagrams at once, recvmmsg(2) and sendmmsg(2). Node reads and sends them one by one,
// each with a buffer, a request and a callback of its own: docs/performance.md says what that costs.
import { getSystemErrorName } from "node:util";
import { isMainThread } from "node:worker_threads";

/** Linux's numbers, the same on all that {@link openSystemCalls} knows. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const F_DUPFD_CLOEXEC = 1030;
const LOWEST_FD = 3;

/** Tells when a socket can be read, or written where that was asked for. */
export interface Poll {
  /** Asks for both from now on, or for reading alone. */
  watch(writable: boolean): void;
  close(): void;
}

/** `status` below 0: an error is to be read, and the poll has stopped until `watch` is called again. */
export type Ready = (status: number, events: { readonly writable: boolean }) => void;

export interface SystemCalls {
  /** @param headers address of `count` headers @returns messages received, or the negative error number */
  receive(fd: number, headers: number, count: number): number;
  /** @returns messages sent, at least one, or the negative error number of the first */
  send(fd: number, headers: number, count: number): number;
  /** @returns a second descriptor of the same socket, or the negative error number */
  duplicate(fd: number): number;
  close(fd: number): void;
  /** `ready` runs outside of what Node does around a callback: ticks and microtasks wait for the next one. */
  poll(fd: number, ready: Ready): Poll;
  /** Zeroed memory outside the heap, which stays in its place as long as the process lives. */
  allocate(bytes: number): { readonly address: number; readonly memory: ArrayBuffer };
}

/** Code of an error number as `SystemCalls` return it: "ECONNREFUSED". */
export function codeOf(result: number): string {
  return getSystemErrorName(result);
}

/** @returns why they are not to be had, where they are not */
export async function openSystemCalls(): Promise<SystemCalls | string> {
  if (process.env["TANDEM_UDP"] === "node") return "TANDEM_UDP=node";
  // A poll that is open when a worker ends takes the process with it.
  if (!isMainThread) return "not in a worker";
  const isKnown = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
  if (!isKnown) return `not known for ${process.platform} on ${process.arch}`;
  try {
    return bind((await import("koffi")).default);
  } catch (error) {
    return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  }
}

function bind(koffi: typeof import("koffi").default): SystemCalls {
  const libc = koffi.load(null);
  const recvmmsg = libc.func("int recvmmsg(int, uint64_t, unsigned int, int, void*)");
  const sendmmsg = libc.func("int sendmmsg(int, uint64_t, unsigned int, int)");
  const fcntl = libc.func("int fcntl(int, int, ...)");
  const close = libc.func("int close(int)");
  const orError = (result: number): number => (result < 0 ? -koffi.errno() : result);
  return {
    receive: (fd, headers, count) => orError(recvmmsg(fd, headers, count, MSG_DONTWAIT, null)),
    send: (fd, headers, count) => orError(sendmmsg(fd, headers, count, MSG_DONTWAIT | MSG_NOSIGNAL)),
    duplicate: (fd) => orError(fcntl(fd, F_DUPFD_CLOEXEC, "int", LOWEST_FD)),
    close(fd) {
      close(fd);
    },
    poll(fd, ready) {
      // Its declaration leaves out the first argument, the status.
      const told = ready as unknown as (events: { readonly writable: boolean }) => void;
      const handle = koffi.node.poll(fd, { readable: true }, told);
      return {
        watch: (writable) => handle.start({ readable: true, writable }, told),
        close: () => handle.close(),
      };
    },
    allocate(bytes) {
      const address = koffi.address(koffi.alloc("uint8_t", bytes));
      return { address: Number(address), memory: koffi.view(address, bytes) };
    },
  };
}
