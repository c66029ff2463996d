/** Keyed hashes over short texts: what a message carries for us must come back unforged. */
import { hash } from "node:crypto";
import { madeUp } from "./made-up.ts";

/** Fewest characters that {@link Signer.verify} takes, 48 bits: it compares as many as it is given, and none would match all. */
const SIGNATURE_LENGTH_MIN = 8;

/**
 * Signs with the first of the cluster's secrets and takes the signature of any, so that a secret can be changed under
 * running calls. SHA-256 over key and text, truncated: the truncation leaves no state to extend, and one one-shot hash
 * costs a third of an HMAC object.
 */
export class Signer {
  private readonly keys: readonly string[];

  /**
   * @param secrets the first signs; at least one
   * @param purpose keeps the signatures of one use from being taken in another
   */
  constructor(secrets: readonly string[], purpose: string) {
    this.keys = secrets.map((secret) => hash("sha256", `${purpose}\0${secret}`, "hex"));
  }

  /** @returns `length` characters of base64url, 6 bits each; at most 40 */
  sign(text: string, length: number): string {
    return signatureOf((this.keys[0] ?? "") + text, length);
  }

  /** Was `signature` made over `text` with any of the secrets? */
  verify(text: string, signature: string): boolean {
    if (signature.length < SIGNATURE_LENGTH_MIN) return false;
    const given = madeUp(signature); // a former version left it as the hash had it
    for (const key of this.keys) {
      if (constantTimeEquals(signatureOf(key + text, given.length), given)) return true;
    }
    return false;
  }
}

function signatureOf(text: string, length: number): string {
  return madeUp(hash("sha256", text, "base64url").slice(0, length));
}

function constantTimeEquals(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
