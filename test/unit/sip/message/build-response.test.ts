// Responses of our own (RFC 3261 §8.2.6, §8.2.7).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildResponse, lineEnd } from "../../../../src/sip/message/build-response.ts";
import { parseMessage } from "../../../../src/sip/message/sip-message.ts";

function request(parts: { to?: string; vias?: string; cseq?: number; more?: string } = {}): string {
  const { to = "To: <sip:b@h>", vias = "Via: SIP/2.0/UDP h;branch=z1", cseq = 1, more = "" } = parts;
  return (
    `OPTIONS sip:b@h SIP/2.0\r\n${vias}\r\nMax-Forwards: 70\r\nRecord-Route: <sip:r;lr>\r\nFrom: <sip:a@h>;tag=1\r\n` +
    `${to}\r\nCall-ID: c@h\r\n${more}CSeq: ${cseq} OPTIONS\r\nContent-Length: 2\r\n\r\nab`
  );
}

const STAMPED = "SIP/2.0/UDP h;branch=z1;received=192.0.2.1";

function respond(raw: string, status: number, headers?: string): string {
  return buildResponse(parseMessage(raw), { status, phrase: "Phrase" }, STAMPED, headers);
}

describe("a response that we make", () => {
  test("§8.2.6.2 copies Via, From, To, Call-ID and CSeq in their order, and no more", () => {
    const tag = /^To: <sip:b@h>;tag=(\S+)\r$/m.exec(respond(request(), 486))?.[1];
    assert.equal(
      respond(request(), 486, "Retry-After: 5\r\n"),
      `SIP/2.0 486 Phrase\r\nVia: ${STAMPED}\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=${tag}\r\n` +
        "Call-ID: c@h\r\nCSeq: 1 OPTIONS\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n",
    );
  });

  test("§8.2.6.2 a 100 has no To tag of ours", () => {
    assert.equal(parseMessage(respond(request(), 100)).toTag, "");
  });

  test("§8.2.6.2 a To tag that came stays the only one", () => {
    assert.match(respond(request({ to: "To: <sip:b@h>;tag=theirs" }), 486), /^To: <sip:b@h>;tag=theirs\r$/m);
  });

  test("§8.2.6.1 a Timestamp is copied into a 100, and into nothing else", () => {
    const raw = request({ more: "Timestamp: 54.2\r\n" });
    assert.equal(parseMessage(respond(raw, 100)).valueNamed("timestamp"), "54.2");
    assert.equal(parseMessage(respond(raw, 200)).valueNamed("timestamp"), null);
  });

  test("§8.2.7 the same request gets the same tag, another request another", () => {
    const tag = (raw: string): string => parseMessage(respond(raw, 404)).toTag;
    assert.equal(tag(request()), tag(request()));
    assert.notEqual(tag(request()), tag(request({ cseq: 2 })));
    assert.match(tag(request()), /^[\w-]{10}$/);
  });

  test("every Via stays, of the same line and of others; folds and compact names too", () => {
    const vias = "v: SIP/2.0/UDP h;branch=z1,\r\n SIP/2.0/TCP i;branch=z2\r\nVIA: SIP/2.0/UDP j;branch=z3";
    assert.ok(
      respond(request({ vias }), 200).startsWith(
        `SIP/2.0 200 Phrase\r\nVia: ${STAMPED},\r\n SIP/2.0/TCP i;branch=z2\r\nVIA: SIP/2.0/UDP j;branch=z3\r\n`,
      ),
    );
  });

  test("a folded To gets its tag behind the fold", () => {
    const response = parseMessage(respond(request({ to: 'To: "B"\r\n <sip:b@h>\r\n ;x=y  ' }), 404));
    assert.match(response.toTag, /^[\w-]{10}$/);
  });

  test("a line ends where the next starts, the last where the headers end", () => {
    const message = parseMessage("OPTIONS sip:h SIP/2.0\r\nA: b\r\n c\r\nD: e \r\n\r\n");
    assert.deepEqual([lineEnd(message, 0), lineEnd(message, 1)], [message.lineStart(1), message.headersEnd]);
  });
});
