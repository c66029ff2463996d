// Calls by the book beside whatever else goes on: a caller and a PBX on real sockets that repeat as RFC 3261 §17 says.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket as TcpSocket } from "node:net";
import { parseMessage } from "../../src/sip/message/sip-message.ts";
import { StreamFramer } from "../../src/transport/stream-framer.ts";
import { answer } from "../support/proxy-world.ts";
import { LiveNode } from "./live-node.ts";

const T1_MS = 500;
const T2_MS = 4_000;
/** 64*T1: later the caller has given up. */
const PATIENCE_MS = 32_000;

export interface CallsResult {
  readonly made: number;
  readonly served: number;
  /** What became of the first few that were not served. */
  readonly failures: readonly string[];
  /** INVITE to 200, milliseconds, sorted. */
  readonly answerMs: readonly number[];
  readonly repeated: number;
}

interface Waiting {
  abandon(): void;
  heard(response: string, status: number): void;
}

/** Sends again until the work that it belongs to is done: at T1, doubling. Reliable transports need it not. */
function repeat(send: () => void, reliable: boolean, onRepeat: () => void): () => void {
  let interval = T1_MS;
  let timer: NodeJS.Timeout | null = null;
  const again = (): void => {
    onRepeat();
    send();
    interval = Math.min(T2_MS, interval * 2);
    timer = setTimeout(again, interval);
  };
  send();
  if (!reliable) timer = setTimeout(again, interval);
  return () => {
    if (timer !== null) clearTimeout(timer);
  };
}

const value = (text: string, name: string): string =>
  new RegExp(`^${name}: *(.*)$`, "im").exec(text)?.[1]?.trim() ?? "";

export class ValidCalls {
  /** What came before may still be known to the node: no number is used twice. */
  private static lastNumber = 0;
  private readonly caller = createSocket({ type: "udp4", recvBufferSize: 4_000_000 });
  private readonly pbx = createSocket({ type: "udp4", recvBufferSize: 4_000_000 });
  private stream: TcpSocket | null = null;
  /** By branch of the request that waits. */
  private readonly waiting = new Map<string, Waiting>();
  /** By Call-ID: ends the repetition of a 200 that the PBX sent. */
  private readonly unacknowledged = new Map<string, () => void>();
  private readonly running = new Set<Promise<void>>();
  private readonly answerMs: number[] = [];
  private readonly failures: string[] = [];
  private made = 0;
  private served = 0;
  private repeated = 0;
  private ticker: NodeJS.Timeout | null = null;

  static async open(): Promise<ValidCalls> {
    const calls = new ValidCalls();
    const bind = async (socket: Socket, host: number): Promise<void> => {
      socket.bind(LiveNode.port, LiveNode.host(host));
      await once(socket, "listening");
    };
    await bind(calls.caller, 10);
    await bind(calls.pbx, 20);
    calls.caller.on("message", (bytes) => calls.heard(bytes.toString("latin1")));
    calls.pbx.on("message", (bytes) => calls.serve(bytes.toString("latin1")));
    return calls;
  }

  /** Opens a TCP connection; every second call goes by it from now on. */
  async useTcp(): Promise<void> {
    const stream = connect({
      host: LiveNode.host(1),
      port: LiveNode.port,
      localAddress: LiveNode.host(10),
      noDelay: true,
    });
    const framer = new StreamFramer({ headBytes: 32_768, messageBytes: 65_535 });
    stream.on("data", (chunk: Buffer) => {
      for (const text of framer.push(chunk).messages) this.heard(text);
    });
    stream.on("error", (error) => this.failures.push(`stream: ${error.message}`));
    await once(stream, "connect");
    this.stream = stream;
  }

  /** Makes calls at this rate a second until {@link finish}. */
  start(rate: number): void {
    const startedAt = performance.now();
    const before = this.made;
    this.ticker = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * rate);
      while (this.made - before < due) void this.call();
    }, 5);
  }

  /** Makes no more calls, waits for those that run. */
  async finish(): Promise<CallsResult> {
    if (this.ticker !== null) clearInterval(this.ticker);
    await Promise.all(this.running);
    const { made, served, failures, repeated } = this;
    return { made, served, repeated, failures, answerMs: this.answerMs.sort((a, b) => a - b) };
  }

  /** Ends everything now. Safe at any time. */
  close(): void {
    if (this.ticker !== null) clearInterval(this.ticker);
    for (const { abandon } of this.waiting.values()) abandon();
    for (const stop of this.unacknowledged.values()) stop();
    this.caller.close();
    this.pbx.close();
    this.stream?.destroy();
  }

  /** One call: INVITE, 200, ACK, BYE, 200. Never rejects: {@link finish} tells. */
  call(): Promise<void> {
    this.made++;
    const number = ++ValidCalls.lastNumber;
    const done = this.converse(number).then(
      () => {
        this.served++;
      },
      (error: Error) => {
        if (this.failures.length < 10) this.failures.push(`call ${number}: ${error.message}`);
      },
    );
    this.running.add(done);
    void done.then(() => this.running.delete(done));
    return done;
  }

  private async converse(number: number): Promise<void> {
    const stream = number % 2 === 0 ? this.stream : null;
    const self = `${LiveNode.host(10)}:${LiveNode.port}`;
    const start = performance.now();
    const request = (method: string, parts: { uri: string; to: string; routes: string }): string =>
      `${method} ${parts.uri} SIP/2.0\r\n` +
      `Via: SIP/2.0/${stream === null ? "UDP" : "TCP"} ${self};branch=z9hG4bKv${number}${method};rport\r\n` +
      `${parts.routes}Max-Forwards: 70\r\nFrom: <sip:caller@${self}>;tag=v${number}\r\nTo: ${parts.to}\r\n` +
      `Call-ID: valid-${number}\r\nCSeq: ${method === "BYE" ? 2 : 1} ${method}\r\n` +
      `Contact: <sip:caller@${self}${stream === null ? "" : ";transport=tcp"}>\r\nContent-Length: 0\r\n\r\n`;
    const uri = `sip:1000@${LiveNode.host(1)}:${LiveNode.port}`;
    const ok = await this.ask(request("INVITE", { uri, to: `<${uri}>`, routes: "" }), stream);
    this.answerMs.push(performance.now() - start);
    const routes = ok.split("\r\n").filter((line) => line.startsWith("Record-Route:"));
    const parts = {
      uri: /<(.*)>/.exec(value(ok, "Contact"))?.[1] ?? "",
      to: value(ok, "To"),
      routes: routes.map((line) => `${line.replace("Record-Route", "Route")}\r\n`).join(""),
    };
    this.say(request("ACK", parts), stream);
    await this.ask(request("BYE", parts), stream);
  }

  private say(text: string, stream: TcpSocket | null): void {
    if (stream === null) this.caller.send(Buffer.from(text, "latin1"), LiveNode.port, LiveNode.host(1));
    else stream.write(text, "latin1");
  }

  /** Resolves with the 200. */
  private ask(text: string, stream: TcpSocket | null): Promise<string> {
    const branch = /branch=([^;]*)/.exec(text)?.[1] ?? "";
    return new Promise((resolve, reject) => {
      const stop = repeat(
        () => this.say(text, stream),
        stream !== null,
        () => this.repeated++,
      );
      const end = (): void => {
        stop();
        clearTimeout(timer);
        this.waiting.delete(branch);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`no answer to ${text.slice(0, 6)}`));
      }, PATIENCE_MS);
      this.waiting.set(branch, {
        abandon: () => {
          end();
          reject(new Error("abandoned"));
        },
        heard: (response, status) => {
          if (status < 200) stop();
          if (status < 200) return;
          end();
          if (status === 200) resolve(response);
          else reject(new Error(response.split("\r\n")[0]));
        },
      });
    });
  }

  private heard(text: string): void {
    const status = Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0);
    if (status === 0) return;
    const branch = /branch=([^;\r]*)/.exec(text)?.[1] ?? "";
    this.waiting.get(branch)?.heard(text, status);
  }

  /** The PBX: answers at once, and repeats its 200 until the ACK. What is damaged it does not answer. */
  private serve(text: string): void {
    if (!/^Call-ID: valid-/m.test(text)) return;
    const message = parseMessage(text);
    if (!message.isRequest) return;
    const { callId, method } = message;
    const say = (status: number): void => {
      const contact = `<sip:pbx@${LiveNode.host(20)}:${LiveNode.port}>`;
      this.pbx.send(
        Buffer.from(answer(message, status, { contact }), "latin1"),
        LiveNode.port,
        LiveNode.host(1),
      );
    };
    if (method === "ACK" || method === "BYE") {
      this.unacknowledged.get(callId)?.();
      this.unacknowledged.delete(callId);
    }
    if (method === "BYE") say(200);
    if (method !== "INVITE" || this.unacknowledged.has(callId)) return;
    say(180);
    const stop = repeat(
      () => say(200),
      false,
      () => this.repeated++,
    );
    this.unacknowledged.set(callId, stop);
    setTimeout(stop, PATIENCE_MS).unref();
  }
}

/** Percentile of a sorted list; NaN where it is empty. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
