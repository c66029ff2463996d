// A whole node without sockets: what it sends is checked and handed to whoever plays the network.
import { SipParseError } from "../../src/sip/message/parse-error.ts";
import { parseMessage, type SipMessage } from "../../src/sip/message/sip-message.ts";
import type { Flow } from "../../src/transport/flow.ts";
import { ProxyWorld } from "../support/proxy-world.ts";

/** The addresses are those of the captures, so that their messages mean something here. */
const CONFIG = `
node: fuzz
listen: ["udp://127.0.61.1:5060", "tcp://127.0.61.1:5060", "udp://[2001:db8::61]:5060"]
identity: { aliases: [edge.example, services.example.com], secret: [a-secret-of-the-fuzzing-only] }
groups:
  carriers: { sources: [127.0.61.8/29, "2001:db8:1::/64"] }
  pbx:
    sources: [127.0.61.16/28]
    targets:
      - { uri: "sip:127.0.61.20;transport=udp", priority: 1 }
      - { uri: "sip:127.0.61.21", priority: 2 }
      - { uri: "sip:127.0.61.22;transport=tcp", priority: 3 }
routes:
  - { from: carriers, to: pbx }
  - { from: pbx, to: pbx }
`;

const flow = (transport: Flow["transport"], listener: number, address: string, connection = 0): Flow => ({
  transport,
  listener,
  address,
  port: connection === 0 ? 5060 : 40_000 + connection,
  connection,
});

export const CALLER = flow("udp", 0, "127.0.61.10");
const STRANGER = flow("udp", 0, "203.0.113.66");
export const PBXS = [
  flow("udp", 0, "127.0.61.20"),
  flow("udp", 0, "127.0.61.21"),
  flow("tcp", 1, "127.0.61.22"),
];
/** Unknown to the node. */
export function isStranger(from: Flow): boolean {
  return from.address.startsWith("203.0.113.");
}

/** Where damaged messages come from. */
export const SOURCES: readonly Flow[] = [
  CALLER,
  CALLER,
  flow("tcp", 1, "127.0.61.11", 7),
  flow("udp", 2, "2001:db8:1::5"),
  ...PBXS,
  STRANGER,
  flow("tcp", 1, "203.0.113.67", 9),
];

/** What the proxy sent. */
export interface Parcel {
  readonly text: string;
  readonly flow: Flow;
  readonly message: SipMessage;
}

/** More at once than any one message or timer may cause: every branch of a context cancelled, ACKed, ended. */
const SENT_AT_ONCE_MAX = 64;

export class FuzzWorld extends ProxyWorld {
  private outbox: Parcel[] = [];
  /** What it sent that it should not have; thrown at the next {@link take}, as the proxy itself must not see it. */
  private fault = "";

  constructor() {
    super(CONFIG);
  }

  protected override record(to: Flow, text: string): void {
    try {
      this.outbox.push({ text, flow: to, message: parseMessage(text) });
    } catch (error) {
      // A head or URI at the limit has outgrown it by what we wrote into it: nobody reads it.
      if (error instanceof SipParseError && (error.status === 513 || error.status === 414)) return;
      this.fault = `sent what it would not take itself: ${String(error)}\n${JSON.stringify(text)}`;
    }
  }

  /** Everything sent since the last time. @throws where something of it was wrong */
  take(): Parcel[] {
    this.logged.length = 0;
    const { outbox, fault } = this;
    if (fault !== "") throw new Error(fault);
    this.outbox = [];
    return outbox;
  }

  /** One message, and what is sent because of it. */
  feed(text: string, from: Flow): Parcel[] {
    this.proxy.receive(text, from);
    const sent = this.take();
    if (sent.length > SENT_AT_ONCE_MAX) throw new Error(`${sent.length} messages because of one`);
    return sent;
  }

  /** Lets time pass in one step. */
  skip(ms: number): Parcel[] {
    this.now += ms;
    this.wheel.advance(this.now);
    return this.take();
  }
}
