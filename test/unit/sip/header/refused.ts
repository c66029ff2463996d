import assert from "node:assert/strict";
import { SipParseError } from "../../../../src/sip/message/parse-error.ts";

/** Asserts that `parse` refuses its input, and where. */
export function refused(parse: () => unknown, expected: Partial<SipParseError>): void {
  assert.throws(parse, (error) => {
    assert.ok(error instanceof SipParseError, String(error));
    const { code, status, offset } = error;
    assert.deepEqual({ code, status, offset, ...expected }, { code, status, offset });
    return true;
  });
}
