/** Keyed hashes of the cluster: the first secret signs, all verify, so that a secret can be changed node by node. */
import { createHmac, timingSafeEqual } from "node:crypto";

export class ClusterSigner {
  private readonly keys: readonly string[];

  /**
   * @param secrets the first signs; at least one
   * @param purpose keeps the signatures of one use from being taken in another
   */
  constructor(secrets: readonly string[], purpose: string) {
    this.keys = secrets.map((secret) => createHmac("sha256", secret).update(purpose).digest("hex"));
  }

  /** @returns 43 characters of base64url */
  sign(text: string): string {
    return signature(this.keys[0] ?? "", text);
  }

  verify(text: string, given: string): boolean {
    const bytes = Buffer.from(given);
    return this.keys.some((key) => {
      const own = Buffer.from(signature(key, text));
      return own.length === bytes.length && timingSafeEqual(own, bytes);
    });
  }
}

function signature(key: string, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}
