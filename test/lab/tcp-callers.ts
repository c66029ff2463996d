// Callers over TCP, each with a connection of its own, which they open again when it ends. What they see is written as lines of JSON on
// standard output. Arguments: own address, the proxy's, and how many calls of each kind.
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * - talking: answered before the fault; changes its session and hangs up over its second connection
 * - ringing: sends its INVITE once more over its second connection, the same bytes
 * - dialled: listens on the port of its Via, where the answer is dialled
 */
export type TcpCallKind = "talking" | "ringing" | "dialled";
export type TcpCallEvent = "rings" | "answered" | "cut" | "connected" | "reinvited" | "ended";
export interface TcpCallLine {
  readonly event: TcpCallEvent;
  readonly kind: TcpCallKind;
  readonly call: string;
  /** Wall time in milliseconds. */
  readonly at: number;
}

const NUMBERS: Readonly<Record<TcpCallKind, string>> = { talking: "1005", ringing: "2005", dialled: "2006" };
const DIAL_AGAIN_MS = 50;
/** Calls begin one after the other, so that a fault meets some before their answer and some after it. */
const APART_MS = 300;
const PORT = 5_060;

function field(text: string, name: string): string {
  return new RegExp(`^${name}: *(.*)\r$`, "im").exec(text)?.[1] ?? "";
}

/** Cuts a stream into messages by their Content-Length (RFC 3261 §18.3). */
class Messages {
  #rest = "";

  take(bytes: Buffer): string[] {
    this.#rest += bytes.toString("latin1");
    const whole: string[] = [];
    for (;;) {
      const head = this.#rest.indexOf("\r\n\r\n");
      if (head < 0) return whole;
      const length = head + 4 + Number(field(this.#rest.slice(0, head + 4), "Content-Length"));
      if (this.#rest.length < length) return whole;
      whole.push(this.#rest.slice(0, length));
      this.#rest = this.#rest.slice(length);
    }
  }
}

class TcpCall {
  readonly #kind: TcpCallKind;
  readonly #id: string;
  readonly #own: string;
  readonly #remote: string;
  readonly #listener: Server | null;
  #socket: Socket | null = null;
  #invite = "";
  #dialog = { uri: "", to: "", routes: "" };
  #isAnswered = false;
  /** The answer was acknowledged to somebody who is there. */
  #isAcked = false;
  #isChanging = false;
  #isEnding = false;
  #isOpen = false;
  #wasCut = false;
  #viaPort = 0;

  constructor(kind: TcpCallKind, number: number, ends: { own: string; remote: string }) {
    this.#kind = kind;
    this.#id = `${process.pid}-${kind}-${number}`;
    this.#own = ends.own;
    this.#remote = ends.remote;
    this.#listener = kind === "dialled" ? createServer((socket) => this.#read(socket)) : null;
  }

  begin(): void {
    if (this.#listener === null) this.#connect();
    else this.#listener.listen(0, this.#own, () => this.#connect());
  }

  #tell(event: TcpCallEvent): void {
    const line: TcpCallLine = {
      event,
      kind: this.#kind,
      call: this.#id,
      at: performance.timeOrigin + performance.now(),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }

  #connect(): void {
    const socket = connect({ host: this.#remote, port: PORT, localAddress: this.#own });
    this.#socket = socket;
    socket.on("connect", () => {
      this.#isOpen = true;
      this.#tell("connected");
      this.#onConnected(socket);
    });
    socket.on("close", () => {
      if (this.#isOpen) {
        this.#tell("cut");
        this.#wasCut = true;
      }
      this.#isOpen = false;
      setTimeout(() => this.#connect(), DIAL_AGAIN_MS);
    });
    this.#read(socket);
  }

  #read(socket: Socket): void {
    const messages = new Messages();
    socket.on("error", () => undefined); // `close` follows
    socket.on("data", (bytes) => {
      for (const message of messages.take(bytes)) this.#onMessage(message);
    });
  }

  #onConnected(socket: Socket): void {
    const address = this.#listener?.address() ?? null;
    if (this.#viaPort === 0)
      this.#viaPort =
        address !== null && typeof address === "object" ? address.port : (socket.localPort ?? 0);
    if (this.#invite === "") {
      const uri = `sip:${NUMBERS[this.#kind]}@${this.#remote}:${PORT};transport=tcp`;
      this.#invite = this.#request({ method: "INVITE", uri, to: `<${uri}>`, cseq: 1, routes: "" });
      socket.write(this.#invite);
    } else if (!this.#isAnswered) {
      if (this.#kind === "ringing") socket.write(this.#invite);
    } else this.#goOn();
  }

  /** Acknowledges the answer, and changes the session once the connection was lost: each as soon as there is a connection. */
  #goOn(): void {
    if (!this.#isOpen) return;
    if (!this.#isAcked) this.#socket?.write(this.#inDialog("ACK", 1));
    this.#isAcked = true;
    if (!this.#wasCut || this.#isChanging) return;
    this.#isChanging = true;
    this.#socket?.write(this.#inDialog("INVITE", 2));
  }

  #request(part: { method: string; uri: string; to: string; cseq: number; routes: string }): string {
    const self = `${this.#own}:${this.#viaPort}`;
    return (
      `${part.method} ${part.uri} SIP/2.0\r\nVia: SIP/2.0/TCP ${self};branch=z9hG4bK${this.#id}x${part.cseq}${part.method}\r\n` +
      `${part.routes}From: <sip:tcp@${self}>;tag=t${this.#id}\r\nTo: ${part.to}\r\nCall-ID: ${this.#id}\r\n` +
      `CSeq: ${part.cseq} ${part.method}\r\nMax-Forwards: 70\r\nContact: <sip:tcp@${self};transport=tcp>\r\nContent-Length: 0\r\n\r\n`
    );
  }

  #inDialog(method: string, cseq: number): string {
    return this.#request({ method, cseq, ...this.#dialog });
  }

  #onMessage(text: string): void {
    const status = Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0);
    const [cseq = "", method = ""] = field(text, "CSeq").split(" ");
    if (status > 100 && status < 200) this.#tell("rings");
    if (status < 200 || status >= 300) return;
    if (method === "BYE") this.#tell("ended");
    if (method !== "INVITE") return;
    this.#dialog = {
      uri: /<([^>]+)>/.exec(field(text, "Contact"))?.[1] ?? this.#dialog.uri,
      to: field(text, "To"),
      routes:
        cseq === "1"
          ? [...text.matchAll(/^Record-Route: *(.*)\r$/gim)]
              .map((match) => `Route: ${match[1] ?? ""}\r\n`)
              .reverse()
              .join("")
          : this.#dialog.routes,
    };
    if (cseq === "1") this.#onAnswer();
    else this.#onChanged();
  }

  #onAnswer(): void {
    if (!this.#isAnswered) this.#tell("answered");
    this.#isAnswered = true;
    this.#isAcked = false; // a repeated answer: the ACK was lost
    this.#goOn();
  }

  #onChanged(): void {
    this.#socket?.write(this.#inDialog("ACK", 2));
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#tell("reinvited");
    this.#socket?.write(this.#inDialog("BYE", 3));
  }
}

const [own = "", remote = "", count = "1"] = process.argv.slice(2);
for (let number = 0; number < Number(count); number++) {
  for (const kind of Object.keys(NUMBERS) as TcpCallKind[])
    setTimeout(() => new TcpCall(kind, number, { own, remote }).begin(), number * APART_MS);
}
