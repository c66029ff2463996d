// The network around the node under fire: PBXs that answer as each call wants, and callers that see it through.
import type { SipMessage } from "../../src/sip/message/sip-message.ts";
import type { Flow } from "../../src/transport/flow.ts";
import { answer } from "../support/proxy-world.ts";
import { CALLER, type Parcel } from "./fuzz-world.ts";
import type { Random } from "./random.ts";

/** Call-IDs that begin so are played by the book and never damaged. */
export const VALID = "valid-";

const FINALS = [200, 200, 200, 200, 202, 302, 401, 404, 408, 486, 487, 500, 503, 603];

/** What is on its way to the node. */
export interface Delivery {
  readonly text: string;
  readonly flow: Flow;
  /** Not to be touched. */
  readonly valid: boolean;
}

const HEADERS = ["Via", "From", "To", "Call-ID", "CSeq", "Contact"] as const;
type HeaderName = (typeof HEADERS)[number];
const PATTERNS = new Map(HEADERS.map((name) => [name, new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)$`, "im")]));

/** First value of a header as the text has it; "" where it is not there. */
function line(text: string, name: HeaderName): string {
  return PATTERNS.get(name)?.exec(text)?.[1]?.trim() ?? "";
}

function invite(callId: string, branch: string): string {
  const body =
    "v=0\r\no=- 1 1 IN IP4 127.0.61.10\r\ns=-\r\nc=IN IP4 127.0.61.10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";
  return (
    `INVITE sip:+15551234567@127.0.61.1:5060 SIP/2.0\r\n` +
    `Via: SIP/2.0/UDP 127.0.61.10:5060;branch=z9hG4bK${branch};rport\r\nMax-Forwards: 70\r\n` +
    `From: "A" <sip:alice@127.0.61.10>;tag=a1\r\nTo: <sip:+15551234567@127.0.61.1>\r\nCall-ID: ${callId}\r\n` +
    `CSeq: 1 INVITE\r\nContact: <sip:alice@127.0.61.10:5060>\r\nSession-Expires: 1800\r\nSupported: timer\r\n` +
    `Content-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

/** The caller's next request after a response to its INVITE. */
function follow(method: "ACK" | "BYE" | "CANCEL", response: string, branch: string): string {
  const isHopByHop = method === "CANCEL" || (method === "ACK" && !/^SIP\/2.0 2/.test(response));
  const contact = /<([^>]*)>/.exec(line(response, "Contact"))?.[1];
  const uri = isHopByHop || contact === undefined ? "sip:+15551234567@127.0.61.1:5060" : contact;
  const routes = response.split("\r\n").filter((each) => /^Record-Route:/i.test(each));
  const via = isHopByHop
    ? line(response, "Via")
    : `SIP/2.0/UDP 127.0.61.10:5060;branch=z9hG4bK${branch}${method};rport`;
  const to = method === "CANCEL" ? line(response, "To").replace(/;tag=.*/, "") : line(response, "To");
  return (
    `${method} ${uri} SIP/2.0\r\nVia: ${via}\r\n` +
    (isHopByHop ? "" : routes.map((each) => `${each.replace(/^Record-Route/i, "Route")}\r\n`).join("")) +
    `Max-Forwards: 70\r\nFrom: ${line(response, "From")}\r\nTo: ${to}\r\nCall-ID: ${line(response, "Call-ID")}\r\n` +
    `CSeq: ${method === "BYE" ? 2 : 1} ${method}\r\nContent-Length: 0\r\n\r\n`
  );
}

export class Actors {
  private readonly random: Random;
  /** Valid calls that are not over, and what of each came last. */
  readonly running = new Map<string, string>();
  private validServed = 0;
  private branches = 0;

  constructor(random: Random) {
    this.random = random;
  }

  get served(): number {
    return this.validServed;
  }

  /** The INVITE of a new call. */
  call(callId: string): Delivery {
    const valid = callId.startsWith(VALID);
    if (valid) this.running.set(callId, "INVITE");
    return { text: invite(callId, callId), flow: CALLER, valid };
  }

  /** What the network says to something that the node has sent. */
  react({ text, flow, message }: Parcel): Delivery[] {
    const callId = line(text, "Call-ID");
    if (callId.startsWith(VALID)) return this.reactByTheBook(message, flow, callId);
    if (message.isRequest) return this.answerAnyhow(message, flow);
    return this.followAnyhow(text, message.status);
  }

  private reactByTheBook(message: SipMessage, flow: Flow, callId: string): Delivery[] {
    const text = message.raw;
    const deliver = (reply: string, from: Flow): Delivery => ({ text: reply, flow: from, valid: true });
    if (message.isRequest) {
      const contact = `<sip:bob@${flow.address}:5060;transport=${flow.transport}>`;
      if (message.method === "ACK") return [];
      if (message.method !== "INVITE") return [deliver(answer(message, 200), flow)];
      return [100, 180, 200].map((status) => deliver(answer(message, status, { contact }), flow));
    }
    if (message.status < 200) return [];
    const method = line(text, "CSeq").split(" ")[1];
    if (message.status !== 200)
      throw new Error(`a valid call got ${message.status} to its ${method}: ${callId}`);
    if (method === "BYE") {
      if (this.running.delete(callId)) this.validServed++;
      return [];
    }
    if (this.running.get(callId) === "200") return []; // once again
    this.running.set(callId, "200");
    return (["ACK", "BYE"] as const).map((next) => deliver(follow(next, text, callId), CALLER));
  }

  /** A PBX in any mood: answers well, badly, twice, never. */
  private answerAnyhow(message: SipMessage, flow: Flow): Delivery[] {
    const { random } = this;
    if (message.method === "ACK" || random.once(8)) return [];
    const statuses =
      message.method === "INVITE"
        ? random.pick([[100], [180], [100, 180], [183, 180], []])
        : random.pick([[], [], [100]]);
    const finals = random.once(6) ? [] : [random.pick(FINALS), ...(random.once(10) ? [200] : [])];
    const contact = `<sip:bob@${flow.address}:5060;transport=${flow.transport}>`;
    return [...statuses, ...finals].map((status) => ({
      text: answer(message, status, { contact, tag: random.once(5) ? "b2" : "b1" }),
      flow,
      valid: false,
    }));
  }

  /** A caller in any mood. */
  private followAnyhow(text: string, status: number): Delivery[] {
    const { random } = this;
    if (!line(text, "CSeq").endsWith(" INVITE") || random.once(6)) return [];
    const methods: ("ACK" | "BYE" | "CANCEL")[] =
      status < 200
        ? random.once(5)
          ? ["CANCEL"]
          : []
        : status < 300
          ? ["ACK", ...(random.once(5) ? [] : ["BYE" as const])]
          : ["ACK"];
    return methods.map((method) => ({
      text: follow(method, text, `f${this.branches++}`),
      flow: CALLER,
      valid: false,
    }));
  }
}
