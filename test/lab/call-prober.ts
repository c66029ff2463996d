// A caller that tells when calls are answered: a new INVITE each few milliseconds, each ended at its answer. What it sees is written
// as lines of JSON on standard output. It repeats nothing: a call that is lost counts as not answered.
import { createSocket } from "node:dgram";

const EVERY_MS = 10;

const [own = "", remote = ""] = process.argv.slice(2);
const family = own.includes(":") ? "udp6" : "udp4";
const host = (address: string): string => (address.includes(":") ? `[${address}]` : address);
const socket = createSocket(family);
const run = process.pid;
let number = 0;

/** Wall time in milliseconds with fractions: one clock for all hosts of a lab. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function tell(event: string, call: number): void {
  process.stdout.write(`${JSON.stringify({ event, call, at: now() })}\n`);
}

function field(text: string, name: string): string {
  return new RegExp(`^${name}: *(.*)$`, "im").exec(text)?.[1]?.trim() ?? "";
}

function send(text: string): void {
  socket.send(text, 5060, remote);
}

function head(
  call: number,
  part: { method: string; uri: string; to: string; cseq: number; routes: string },
): string {
  const self = `${host(own)}:${socket.address().port}`;
  return (
    `${part.method} ${part.uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${self};branch=z9hG4bK${run}x${call}x${part.cseq}${part.method}\r\n` +
    `${part.routes}From: <sip:prober@${self}>;tag=${run}t${call}\r\nTo: ${part.to}\r\nCall-ID: ${run}-${call}\r\n` +
    `CSeq: ${part.cseq} ${part.method}\r\nMax-Forwards: 70\r\nContact: <sip:prober@${self}>\r\nContent-Length: 0\r\n\r\n`
  );
}

function onAnswer(text: string): void {
  const [, call = "", cseq = ""] =
    /^Call-ID: \d+-(\d+)[\s\S]*^CSeq: (\d+) INVITE/m.exec(text) ?? /^CSeq: (\d+)/m.exec("") ?? [];
  if (!text.startsWith("SIP/2.0 2") || cseq !== "1") return;
  tell("answered", Number(call));
  const to = field(text, "To");
  const uri = /<([^>]+)>/.exec(field(text, "Contact"))?.[1] ?? "";
  const routes = [...text.matchAll(/^Record-Route: *(.*)$/gim)]
    .map((match) => match[1]?.trim() ?? "")
    .reverse()
    .map((route) => `Route: ${route}\r\n`)
    .join("");
  send(head(Number(call), { method: "ACK", uri, to, cseq: 1, routes }));
  send(head(Number(call), { method: "BYE", uri, to, cseq: 2, routes }));
}

socket.on("message", (bytes) => onAnswer(bytes.toString("latin1")));
socket.on("error", () => undefined); // an ICMP error: the call is not answered
socket.bind(0, own, () => {
  tell("ready", 0);
  setInterval(() => {
    number++;
    tell("asked", number);
    const uri = `sip:1000@${host(remote)}:5060`;
    send(head(number, { method: "INVITE", uri, to: `<${uri}>`, cseq: 1, routes: "" }));
  }, EVERY_MS);
});
