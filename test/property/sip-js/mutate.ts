/** Valid messages with a few characters put in, taken out or changed, and lines doubled, lost or cut. */
import fc from "fast-check";
import { anyMessage } from "../../support/messages.ts";

const SHARP = "\r\n \t:;,<>\"\\@[]/?%=&+.-_~!*()'`{}|^$#\x00\x7f\xff0a9Z";

type Damage = readonly [
  kind: "delete" | "insert" | "replace" | "double line" | "lose line" | "cut",
  at: number,
  with_: string,
];

const anyDamage: fc.Arbitrary<Damage> = fc.tuple(
  fc.constantFrom(
    "delete",
    "delete",
    "insert",
    "insert",
    "replace",
    "replace",
    "double line",
    "lose line",
    "cut",
  ),
  fc.nat(3_000),
  fc.constantFrom(...SHARP),
);

function hurt(text: string, [kind, where, character]: Damage): string {
  // The body is of no interest: damage goes to the head.
  const at = where % Math.max(1, text.indexOf("\r\n\r\n"));
  switch (kind) {
    case "delete":
      return text.slice(0, at) + text.slice(at + 1);
    case "insert":
      return text.slice(0, at) + character + text.slice(at);
    case "replace":
      return text.slice(0, at) + character + text.slice(at + 1);
    case "cut":
      return text.slice(0, at);
    case "double line":
    case "lose line": {
      const start = text.lastIndexOf("\r\n", at) + 2;
      const end = text.indexOf("\r\n", at) + 2;
      if (start < 2 || end < 2) return text;
      return (
        text.slice(0, start) +
        (kind === "lose line" ? "" : text.slice(start, end).repeat(2)) +
        text.slice(end)
      );
    }
  }
}

export const mutated = fc
  .tuple(anyMessage, fc.array(anyDamage, { minLength: 1, maxLength: 3 }))
  .map(([truth, damages]) => ({ whole: truth.text, hurt: damages.reduce(hurt, truth.text) }));
