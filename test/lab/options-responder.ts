// Targets in a host of the lab that answer OPTIONS and nothing else, as the test says: which status, how late, or not at all. A
// program of its own, as it has to run in the host's namespace: `node options-responder.ts FILE`.
import { createSocket, type Socket } from "node:dgram";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

/** How a target answers. */
export interface Answer {
  /** "404 Not Found"; "": it is silent. */
  readonly status: string;
  /** Default 0. */
  readonly delayMs?: number;
  /** Further headers, each with its line end. */
  readonly headers?: string;
}

export const ALIVE: Answer = { status: "200 OK" };
export const SILENT: Answer = { status: "" };

interface Orders {
  readonly address: string;
  readonly ports: readonly number[];
  readonly usual: Answer;
  /** By port, those that answer otherwise. */
  readonly others: Readonly<Record<string, Answer>>;
}

/** What it received. */
export interface Received {
  readonly datagrams: number;
  /** Told apart by Call-ID: what exceeds it was sent again. */
  readonly probes: number;
}

export class OptionsResponder {
  readonly #program: Program;
  readonly #file: string;
  #orders: Orders;
  #changes = 0;

  private constructor(program: Program, file: string, orders: Orders) {
    this.#program = program;
    this.#file = file;
    this.#orders = orders;
  }

  /** Starts it on these ports of the host, each a target; resolves when it listens. */
  static async start(
    host: Host,
    options: { ports: readonly number[]; usual?: Answer },
  ): Promise<OptionsResponder> {
    const { ports, usual = ALIVE } = options;
    const orders: Orders = { address: host.ip4, ports, usual, others: {} };
    const file = join(host.directory, `${host.name}-answers.json`);
    writeFileSync(file, JSON.stringify(orders));
    const program = host.start("responder", [process.execPath, fileURLToPath(import.meta.url), file]);
    await program.untilOutput(/listening/, 10_000);
    return new OptionsResponder(program, file, orders);
  }

  /** From now on the target on this port answers so. */
  async answer(port: number, answer: Answer): Promise<void> {
    this.#orders = { ...this.#orders, others: { ...this.#orders.others, [port]: answer } };
    writeFileSync(this.#file, JSON.stringify(this.#orders));
    this.#program.kill("SIGHUP");
    this.#changes += 1;
    await this.#program.untilOutput(new RegExp(`answers ${this.#changes}$`, "m"), 5_000);
  }

  /** Ends it. */
  async stop(): Promise<Received> {
    this.#program.kill("SIGTERM");
    const [, json = ""] = await this.#program.untilOutput(/^received (.*)$/m, 5_000);
    return JSON.parse(json) as Received;
  }
}

function serve(file: string): void {
  const read = (): Orders => JSON.parse(readFileSync(file, "utf8")) as Orders;
  let orders = read();
  let changes = 0;
  let datagrams = 0;
  const probes = new Set<string>();
  const onMessage = (socket: Socket, message: string, to: { address: string; port: number }): void => {
    if (!message.startsWith("OPTIONS ")) return;
    datagrams += 1;
    probes.add(/^Call-ID: (.*)$/m.exec(message)?.[1] ?? "");
    const { status, delayMs = 0, headers = "" } = orders.others[socket.address().port] ?? orders.usual;
    if (status === "") return;
    const kept = message.match(/^(Via|From|To|Call-ID|CSeq): .*\r\n/gm) ?? [];
    const lines = kept.join("").replace(/^To: .*/m, "$&;tag=here");
    const answer = `SIP/2.0 ${status}\r\n${lines}${headers}Content-Length: 0\r\n\r\n`;
    const send = (): void => socket.send(answer, to.port, to.address);
    if (delayMs === 0) send();
    else setTimeout(send, delayMs);
  };
  let bound = 0;
  for (const port of orders.ports) {
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => onMessage(socket, bytes.toString("latin1"), from));
    socket.bind(port, orders.address, () => {
      bound += 1;
      if (bound === orders.ports.length) process.stdout.write("listening\n");
    });
  }
  process.on("SIGHUP", () => {
    orders = read();
    changes += 1;
    process.stdout.write(`answers ${changes}\n`);
  });
  process.on("SIGTERM", () => {
    process.stdout.write(`received ${JSON.stringify({ datagrams, probes: probes.size })}\n`, () =>
      process.exit(0),
    );
  });
}

const [, program, orders] = process.argv;
if (program === fileURLToPath(import.meta.url) && orders !== undefined) serve(orders);
