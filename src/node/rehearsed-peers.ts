/** Caller and callees of rehearsed calls: what they say to what they hear. */
import type { Flow } from "../transport/flow.ts";

const CALLER = "192.0.2.2";
const FIRST_CALLEE = "192.0.2.3";

export interface Said {
  readonly text: string;
  readonly from: string;
}

/** Each so many calls one goes another way than INVITE, 100, 180, 200, ACK, BYE, 200. */
const CANCELLED_EVERY = 10;
const FAILED_OVER_EVERY = 12;
const REFUSED_EVERY = 15;
const REINVITED_EVERY = 8;

const NOTHING: readonly Said[] = [];

export function callIdOf(number: number): string {
  return `${number}-rehearsal@${CALLER}`;
}

const SDP = [
  "v=0",
  "o=rehearsal 53655765 2353687637 IN IP4 192.0.2.2",
  "s=-",
  "c=IN IP4 192.0.2.2",
  "t=0 0",
  "m=audio 49170 RTP/AVP 96 9 8 0 18 101",
  "a=rtpmap:96 opus/48000/2",
  "a=fmtp:96 useinbandfec=1;maxaveragebitrate=24000",
  "a=rtpmap:9 G722/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-16",
  "a=ptime:20",
  "a=sendrecv",
  "",
].join("\r\n");

const INVITE_HEADERS = [
  "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY",
  "Supported: timer, 100rel, replaces, path, outbound",
  "User-Agent: Rehearsal",
  "P-Asserted-Identity: <sip:+15559870001@example.com>",
  "Session-Expires: 1800;refresher=uac",
  "Min-SE: 90",
  "Privacy : none ",
  "Content-Type: application/sdp",
].join("\r\n");

/** One call at a time. */
export class RehearsedPeers {
  private number = 0;
  /** CSeq of the caller's last request. */
  private cseq = 1;
  /** Route lines of the dialog; "" before it is up. */
  private routes = "";
  /** The INVITE that a callee heard last. */
  private heard = "";

  /** @returns the INVITE of a new call */
  begin(number: number): Said {
    this.number = number;
    this.cseq = 1;
    this.routes = "";
    return this.ask("INVITE", {
      uri: "sip:+15551230001@192.0.2.1",
      to: "<sip:+15551230001@192.0.2.1>",
      routes: "",
    });
  }

  /** What a peer answers to what the proxy sent it. */
  hear(text: string, { address }: Flow): readonly Said[] {
    if (address !== CALLER) return this.asCallee(text, address);
    return text.startsWith("SIP/2.0 ") ? this.asCaller(text) : NOTHING;
  }

  private asCallee(text: string, from: string): readonly Said[] {
    const method = text.slice(0, text.indexOf(" "));
    const say = (status: string, body = ""): Said => ({ text: answer(text, status, body), from });
    if (method === "ACK") return NOTHING;
    if (method === "CANCEL") {
      return [say("200 OK"), { text: answer(this.heard, "487 Request Terminated", ""), from }];
    }
    if (method === "INVITE") this.heard = text;
    if (method !== "INVITE" || this.routes !== "") return [say("200 OK", method === "INVITE" ? SDP : "")];
    if (from === FIRST_CALLEE && this.number % FAILED_OVER_EVERY === 1)
      return [say("503 Service Unavailable")];
    if (this.number % REFUSED_EVERY === 2) return [say("100 Trying"), say("486 Busy Here")];
    const ringing = [say("100 Trying"), say("180 Ringing")];
    return this.isCancelled ? ringing : [...ringing, say("200 OK", SDP)];
  }

  private get isCancelled(): boolean {
    return this.number % CANCELLED_EVERY === 0;
  }

  private asCaller(text: string): readonly Said[] {
    const status = Number(text.slice(8, 11));
    if (!/^CSeq: \d+ INVITE/m.test(text)) return NOTHING;
    if (status === 180 && this.isCancelled) return [this.onInvite("CANCEL", "")];
    if (status < 200) return NOTHING;
    if (status >= 300) return [this.onInvite("ACK", toOf(text))];
    const isFirst = this.routes === "";
    if (isFirst) this.routes = routesOf(text);
    const dialog = { uri: "sip:callee@192.0.2.3:5060", to: toOf(text), routes: this.routes };
    const acknowledged = this.ask("ACK", dialog);
    this.cseq++;
    const goesOn = isFirst && this.number % REINVITED_EVERY === 3;
    return [acknowledged, this.ask(goesOn ? "INVITE" : "BYE", dialog)];
  }

  /** CANCEL, or ACK of a refusal: of the INVITE's own transaction. */
  private onInvite(method: string, to: string): Said {
    const uri = "sip:+15551230001@192.0.2.1";
    return this.ask(
      method,
      { uri, to: to === "" ? "<sip:+15551230001@192.0.2.1>" : to, routes: "" },
      "INVITE",
    );
  }

  private ask(
    method: string,
    { uri, to, routes }: { uri: string; to: string; routes: string },
    transaction = method,
  ): Said {
    const { number, cseq } = this;
    const body = method === "INVITE" ? SDP : "";
    const more = method === "INVITE" ? `${INVITE_HEADERS}\r\n` : "";
    const text =
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${CALLER}:5060;branch=z9hG4bK-${number}-${cseq}-${transaction};rport\r\n` +
      `Max-Forwards: 70\r\n${routes}From: "Caller" <sip:+15559870001@192.0.2.2:5060>;tag=c${number}\r\nTo: ${to}\r\n` +
      `Call-ID: ${callIdOf(number)}\r\nCSeq: ${cseq} ${method}\r\n` +
      `Contact: <sip:+15559870001@192.0.2.2:5060;transport=UDP>\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
    return { text, from: CALLER };
  }
}

function linesOf(text: string, name: RegExp): string[] {
  return text
    .slice(0, text.indexOf("\r\n\r\n"))
    .split("\r\n")
    .filter((line) => name.test(line));
}

function toOf(text: string): string {
  return linesOf(text, /^To:/)[0]?.slice("To: ".length) ?? "";
}

function routesOf(text: string): string {
  return linesOf(text, /^Record-Route:/)
    .reverse()
    .map((line) => `${line.slice("Record-".length)}\r\n`)
    .join("");
}

function answer(request: string, status: string, body: string): string {
  const kept = linesOf(request, /^(?:Via|Record-Route|From|Call-ID|CSeq):/).join("\r\n");
  const to = toOf(request);
  const tag = to.includes(";tag=") || status.startsWith("100") ? "" : ";tag=callee";
  const type = body === "" ? "" : "Content-Type: application/sdp\r\n";
  return (
    `SIP/2.0 ${status}\r\n${kept}\r\nTo: ${to}${tag}\r\nContact: <sip:callee@192.0.2.3:5060;transport=UDP>\r\n` +
    `${type}Content-Length: ${body.length}\r\n\r\n${body}`
  );
}
