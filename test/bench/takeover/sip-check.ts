// The health check of a proxy for keepalived: OPTIONS each 100 ms, and into the file 0 while it answers, 1 when two in a row
// were not answered. (keepalived's own checks begin programs, and at most one a second.) Arguments: address, file.
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";

const EVERY_MS = 100;
const FALL = 2;
const PORT = 5060;

const [address = "", file = ""] = process.argv.slice(2);
const socket = createSocket("udp4");
let asked = 0;
let answered = 0;
let written = 0;

function write(value: number): void {
  if (value === written) return;
  written = value;
  writeFileSync(file, `${value}\n`);
}

function ask(): void {
  if (asked - answered >= FALL) write(1);
  asked += 1;
  const self = `${address}:${socket.address().port}`;
  const head = [
    `OPTIONS sip:${address}:${PORT} SIP/2.0`,
    `Via: SIP/2.0/UDP ${self};branch=z9hG4bKcheck${process.pid}x${asked};rport`,
    `From: <sip:check@${self}>;tag=${process.pid}`,
    `To: <sip:${address}:${PORT}>`,
    `Call-ID: check-${process.pid}-${asked}`,
    `CSeq: ${asked} OPTIONS`,
    "Max-Forwards: 1",
    "Content-Length: 0",
  ];
  socket.send(`${head.join("\r\n")}\r\n\r\n`, PORT, address);
}

socket.on("message", (message) => {
  const number = Number(/^CSeq: *(\d+)/im.exec(message.toString("latin1"))?.[1] ?? 0);
  if (number <= answered) return;
  answered = number;
  if (number === asked) write(0);
});
socket.on("error", () => {}); // its port is closed: not answered
socket.bind(0, address, () => {
  setInterval(ask, EVERY_MS);
  process.stdout.write("checking\n");
});
