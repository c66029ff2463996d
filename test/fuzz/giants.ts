// Messages that are large in one way each: what is quadratic somewhere shows here.

const REQUEST =
  "OPTIONS sip:a@127.0.61.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.61.10;branch=z9hG4bKgiant\r\nMax-Forwards: 70\r\n" +
  "From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: giant\r\nCSeq: 1 OPTIONS\r\n";

/** What is repeated until the message is full: each breaks another loop. */
const REPEATED: readonly (readonly [before: string, piece: string])[] = [
  ["X: ", "a"],
  ["X: ", "\r\n "],
  ["X: ", "\r\n\t\r\n"],
  ["", "X: y\r\n"],
  ["", "\r"],
  ["", "\n"],
  ["", ":"],
  ["Via: SIP/2.0/UDP a", ";a"],
  ["Via: SIP/2.0/UDP a", ",SIP/2.0/UDP a"],
  ["Via: SIP/2.0/UDP a;a=", '\\"'],
  ["", "Via: SIP/2.0/UDP a\r\n"],
  ["Via: ", " "],
  ["Via: SIP", " / "],
  ["Route: ", "<sip:a;lr>,"],
  ["Route: ", "<"],
  ["Route: ", '"'],
  ["Route: <sip:", "a@"],
  ["Route: <sip:a", ";b"],
  ["Route: <sip:a?", "b=c&"],
  ["", "Route: <sip:127.0.61.1;lr>\r\n"],
  ["Contact: ", '"\\'],
  ["Contact: ", "(("],
  ["From: ", '"a" '],
  ["To: <sip:a@b>", ";tag=a"],
  ["Proxy-Require: ", "a,"],
  ["Max-Forwards: ", "0"],
  ["CSeq: ", "9"],
  ["Content-Length: ", "0"],
  ["Content-Length: ", " "],
  ["", "Content-Length: 0\r\n"],
  ["Session-Expires: 1800", ";refresher=uac"],
  ["Reason: SIP", ";cause=200"],
];

/** @param bytes length of each message */
export function giants(bytes: number): string[] {
  const inHead = REPEATED.flatMap(([before, piece]) => {
    const room = Math.max(0, Math.floor((bytes - REQUEST.length - before.length - 4) / piece.length));
    const filled = before + piece.repeat(room);
    return [`${REQUEST}${filled}\r\n\r\n`, `${filled}\r\n\r\n`, REQUEST.replace("sip:a@", `sip:${filled}@`)];
  });
  return [
    ...inHead,
    `${REQUEST}Content-Length: ${bytes}\r\n\r\n`.padEnd(bytes, "v=0\r\n"),
    `SIP/2.0 200 ${"O".repeat(bytes)}\r\n\r\n`,
    "\x00".repeat(bytes),
    "\r\n".repeat(bytes / 2),
  ].map((text) => text.slice(0, bytes));
}
