/** Domain names as SIP writes hosts. */

/** RFC 3261 §25.1 hostname, each label at most 63 characters, the last one beginning with a letter. */
const DOMAIN =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\.?$/;

/** Is this lower-case text a domain name, with or without the dot of the root? */
export function isDomain(text: string): boolean {
  return DOMAIN.test(text);
}
