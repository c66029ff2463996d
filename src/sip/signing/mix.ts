/** A fast seeded hash: spreads, and hides nothing. For weights, order and loop values, never for what must not be forged. */

const BASE64URL = new Uint8Array(64);
for (const [value, character] of [
  ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
].entries()) {
  BASE64URL[value] = character.charCodeAt(0);
}

/** Two 32-bit lanes over the characters of texts and parts of texts (multiply and xorshift, finished as in MurmurHash3). */
export class Mix {
  private a: number;
  private b: number;

  constructor(seed: number) {
    this.a = 0xdeadbeef ^ seed;
    this.b = 0x41c6ce57 ^ seed;
  }

  /** Takes in text[from, to) and a separator. */
  add(text: string, from = 0, to = text.length): this {
    let { a, b } = this;
    for (let i = from; i < to; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x9e3779b1);
      b = Math.imul(b ^ code, 0x5f356495);
      a ^= a >>> 15;
      b ^= b >>> 13;
    }
    this.a = Math.imul(a ^ 0x1f1, 0x85ebca6b);
    this.b = Math.imul(b ^ 0x1f3, 0xc2b2ae35);
    return this;
  }

  /** 32 bits, unsigned. */
  uint32(): number {
    let h = this.a ^ (this.b >>> 7);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  }

  /** Ten characters of base64url: 60 bits. */
  text(): string {
    const one = this.uint32();
    const mixed = Math.imul(this.b ^ (this.a >>> 9), 0x27d4eb2f);
    const other = (mixed ^ (mixed >>> 15)) >>> 0;
    return String.fromCharCode(
      code(one, 0),
      code(one, 6),
      code(one, 12),
      code(one, 18),
      code(one, 24),
      code(other, 0),
      code(other, 6),
      code(other, 12),
      code(other, 18),
      code(other, 24),
    );
  }
}

/** 32-bit hash of one text. */
export function mix32(text: string, seed = 0): number {
  return new Mix(seed).add(text).uint32();
}

/** Five characters for the low 30 bits. Made at once: one string, and not one for each character. */
export function letters(value: number): string {
  return String.fromCharCode(
    code(value, 0),
    code(value, 6),
    code(value, 12),
    code(value, 18),
    code(value, 24),
  );
}

/** Character of the six bits from `shift` on. */
function code(value: number, shift: number): number {
  return BASE64URL[(value >>> shift) & 63] ?? 0;
}
