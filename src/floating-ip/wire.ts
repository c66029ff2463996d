/** One resident socat: frames that we build go out on the interface, what it receives of its kind comes in. */
import { type ChildProcess, spawn } from "node:child_process";
import { endianness } from "node:os";
import { FloatingIpError } from "./floating-ip-error.ts";
import { toolEnvironment } from "./system-path.ts";
import { type WireKind, wireArguments } from "./wire-command.ts";
import { EMPTY_DUMP, readDump, type WireDump } from "./wire-dump.ts";

/** A flood of ARP costs this much reading at most, in each window; the rest is dropped by the kernel. 250 frames. */
const WINDOW_BYTES_MAX = 65_536;
const WINDOW_MS = 100;

/** Frames that socat has not taken, as bytes: an announcement that waits longer is worth nothing. */
const UNSENT_BYTES_MAX = 8_192;

const READY = /starting data transfer loop/;
/** Errors and what is fatal; notices end with the exit code, which tells nothing. */
const COMPLAINT = / [EF] /;

export interface WireOptions {
  readonly kind: WireKind;
  readonly interface: string;
  readonly index: number;
  /** Default: "socat". */
  readonly program?: string | undefined;
  readonly onDatagram: (bytes: Uint8Array) => void;
}

export class Wire {
  readonly kind: WireKind;
  /** The interface's index that it was opened with. */
  readonly index: number;
  /** Resolves when frames can be sent; rejects with a FloatingIpError when it ends before. */
  readonly ready: Promise<void>;
  /** Settles when it is gone, with why; never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #running = true;
  #dump: WireDump = EMPTY_DUMP;
  #lastWords = "";
  #windowFrom = 0;
  #windowBytes = 0;
  #resume: NodeJS.Timeout | null = null;

  constructor(options: WireOptions) {
    const { program = "socat" } = options;
    this.kind = options.kind;
    this.index = options.index;
    const target = { ...options, littleEndian: endianness() === "LE" };
    this.#child = spawn(program, wireArguments(target), {
      env: toolEnvironment(process.env),
      stdio: ["pipe", "ignore", "pipe"],
    });
    this.#child.stdin?.on("error", () => undefined); // a process that is gone says so by `close`
    this.ended = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#running = false;
        if (this.#resume !== null) clearTimeout(this.#resume);
        resolve(why);
      };
      this.#child.once("error", (error) =>
        end(`cannot run ${program}: ${error.message}; it is needed for announcements (Debian package socat)`),
      );
      this.#child.once("close", (code, signal) =>
        end(`${program} ended (${signal ?? `exit code ${code}`}) ${this.#lastWords}`.trim()),
      );
    });
    this.ready = new Promise((resolve, reject) => {
      this.#child.stderr?.setEncoding("latin1").on("data", (text: string) => {
        const { dump, datagrams, words } = readDump(this.#dump, text);
        this.#dump = dump;
        for (const line of words) {
          if (READY.test(line)) resolve();
          if (COMPLAINT.test(line)) this.#lastWords = line;
        }
        for (const datagram of datagrams) options.onDatagram(datagram);
        this.#limit(text.length);
      });
      void this.ended.then((why) => reject(wireError(why)));
    });
    this.ready.catch(() => undefined); // whoever waits for it gets it; nobody has to
  }

  get running(): boolean {
    return this.#running;
  }

  /** Hands a frame to socat. Never waits; what it does not take is dropped. */
  send(frame: Uint8Array): void {
    const { stdin } = this.#child;
    if (!this.#running || stdin === null || stdin.writableLength > UNSENT_BYTES_MAX) return;
    stdin.write(frame);
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** Stops reading until the window is over once it is full. */
  #limit(bytes: number): void {
    const now = performance.now();
    if (now - this.#windowFrom >= WINDOW_MS) {
      this.#windowFrom = now;
      this.#windowBytes = 0;
    }
    this.#windowBytes += bytes;
    if (this.#windowBytes < WINDOW_BYTES_MAX || this.#resume !== null) return;
    this.#child.stderr?.pause();
    this.#resume = setTimeout(() => {
      this.#resume = null;
      this.#child.stderr?.resume();
    }, WINDOW_MS);
  }
}

function wireError(why: string): FloatingIpError {
  if (why.startsWith("cannot run")) return new FloatingIpError("FLOATING_IP_PROGRAM", why);
  if (/Operation not permitted|Permission denied/.test(why))
    return new FloatingIpError(
      "FLOATING_IP_PRIVILEGE",
      "announcing the floating IP needs CAP_NET_RAW: start as root, or by a service with AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW",
    );
  return new FloatingIpError("FLOATING_IP_FAILED", why);
}
