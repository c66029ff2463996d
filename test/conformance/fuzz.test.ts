/** Whatever arrives, the proxy does not throw, and what leaves is SIP of the right kind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseMessage } from "../../src/sip/message/sip-message.ts";
import { mutated } from "../property/sip-js/mutate.ts";
import { anyRequest, anyResponse } from "../support/messages.ts";
import { PROXY_HOSTS, ProxyHarness, TARGET } from "./harness.ts";

const RUNS = { numRuns: 2_000, seed: Number(process.env["SEED"] ?? 3261) };

function isResponse(text: string): boolean {
  return text.startsWith("SIP/");
}

function checkOutput(input: string, harness: ProxyHarness): void {
  const sent = harness.feed(input);
  for (const { text } of sent) {
    const message = parseMessage(text);
    if (message.isRequest) {
      assert.ok(PROXY_HOSTS.has(message.topVia.host), "our Via on top (RFC 3261 §16.6 item 8)");
      assert.ok(!isResponse(input), "no request because of a response that is not ours");
    } else {
      assert.ok(!isResponse(input), "no response because of a response that is not ours");
      assert.ok(!input.startsWith("ACK "), "no answer to an ACK (§17.1.1.3)");
    }
  }
  const finals = sent.filter(({ text }) => isResponse(text) && !text.startsWith("SIP/2.0 1"));
  assert.ok(finals.length <= 1, "one final response at most");
}

test("valid requests in odd spelling: each but an ACK is forwarded or answered", () => {
  fc.assert(
    fc.property(anyRequest, ({ text, method }) => {
      checkOutput(text, new ProxyHarness());
      if (method !== "ACK") assert.notDeepEqual(new ProxyHarness().feed(text), []);
    }),
    RUNS,
  );
});

test("valid responses to nothing that we sent are dropped (RFC 3261 §18.1.2)", () => {
  fc.assert(
    fc.property(anyResponse, ({ text }) => assert.deepEqual(new ProxyHarness().feed(text), [])),
    RUNS,
  );
});

test("damaged messages", () => {
  fc.assert(
    fc.property(mutated, ({ hurt }) => checkOutput(hurt, new ProxyHarness())),
    RUNS,
  );
});

test("one proxy that lives on among damaged messages, from both sides", () => {
  const harness = new ProxyHarness();
  fc.assert(
    fc.property(mutated, fc.boolean(), ({ whole, hurt }, fromTarget) => {
      harness.feed(whole);
      if (fromTarget) harness.feed(hurt, TARGET);
      else harness.feed(hurt);
    }),
    { ...RUNS, endOnFailure: true },
  );
});
