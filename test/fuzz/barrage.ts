// Damaged messages over real sockets: UDP from known and unknown addresses, TCP whole, cut and abandoned.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket as TcpSocket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { LiveNode } from "./live-node.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

/** Known callers, known PBXs, strangers. */
const UDP_HOSTS = [11, 12, 21, 22, 100, 101];
/** Above and below what one address may have open. */
const STREAM_HOSTS = [13, 14, 22, 102];
const STREAMS_MAX = 200;
const BATCH = 20;

export interface BarrageOptions {
  readonly seed: number;
  readonly messages: number;
  readonly corpus: readonly string[];
  /** Messages a second at most. */
  readonly rate: number;
}

export interface BarrageResult {
  readonly datagrams: number;
  readonly streamed: number;
  readonly connections: number;
  /** Bytes that came back. */
  readonly heardBytes: number;
}

class Barrage {
  private readonly node: LiveNode;
  private readonly random: Random;
  private readonly options: BarrageOptions;
  private readonly sockets: Socket[] = [];
  private streams: TcpSocket[] = [];
  private datagrams = 0;
  private streamed = 0;
  private connections = 0;
  private heardBytes = 0;

  constructor(node: LiveNode, options: BarrageOptions) {
    this.node = node;
    this.options = options;
    this.random = new Random(options.seed);
  }

  async run(): Promise<BarrageResult> {
    await this.open();
    const start = performance.now();
    const { messages, rate } = this.options;
    for (let sent = 0; sent < messages; ) {
      for (let i = 0; i < BATCH && sent < messages; i++, sent++) this.one();
      const ahead = (sent / rate) * 1_000 - (performance.now() - start);
      await delay(Math.max(0, ahead));
      if (!this.node.isRunning) throw this.node.ended(`at most ${BATCH} messages before ${sent}`);
    }
    await delay(100);
    for (const socket of this.sockets) socket.close();
    for (const stream of this.streams) stream.destroy();
    const { datagrams, streamed, connections, heardBytes } = this;
    return { datagrams, streamed, connections, heardBytes };
  }

  private async open(): Promise<void> {
    for (const host of UDP_HOSTS) {
      const socket = createSocket("udp4");
      socket.bind(LiveNode.port, LiveNode.host(host));
      await once(socket, "listening");
      socket.on("message", (bytes) => {
        this.heardBytes += bytes.length;
      });
      this.sockets.push(socket);
    }
  }

  private one(): void {
    const { random, options } = this;
    const text = mutate(random.pick(options.corpus), random, options.corpus);
    if (random.below(4) > 0) {
      this.datagrams++;
      random.pick(this.sockets).send(Buffer.from(text, "latin1"), LiveNode.port, LiveNode.host(1));
    } else this.stream(text);
  }

  private stream(text: string): void {
    const { random } = this;
    this.streamed++;
    // Half of them have the length right, so that the parser is reached.
    const headEnd = text.indexOf("\r\n\r\n");
    const length = `Content-Length: ${Math.max(0, text.length - headEnd - 4)}`;
    const fixed =
      random.once(2) && headEnd > 0 ? text.replace(/^(?:Content-Length|l)[ \t]*:.*$/im, length) : text;
    const stream =
      this.streams.length < STREAMS_MAX || random.once(10) ? this.dial() : random.pick(this.streams);
    const bytes = Buffer.from(fixed, "latin1");
    const at = random.below(bytes.length + 1);
    stream.write(bytes.subarray(0, at));
    const end = random.below(10);
    if (end === 0) stream.destroy();
    else if (end === 1) stream.end(bytes.subarray(at));
    else stream.write(bytes.subarray(at));
  }

  private dial(): TcpSocket {
    this.connections++;
    const localAddress = LiveNode.host(this.random.pick(STREAM_HOSTS));
    const stream = connect({ host: LiveNode.host(1), port: LiveNode.port, localAddress });
    stream.on("error", () => {});
    stream.on("data", (chunk) => {
      this.heardBytes += chunk.length;
    });
    stream.on("close", () => {
      this.streams = this.streams.filter((each) => each !== stream);
    });
    this.streams.push(stream);
    return stream;
  }
}

/** @throws where the node ends meanwhile */
export function runBarrage(node: LiveNode, options: BarrageOptions): Promise<BarrageResult> {
  return new Barrage(node, options).run();
}
