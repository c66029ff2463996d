// Socket addresses as the kernel has them (struct sockaddr_in, sockaddr_in6), in 32-bit words of a little-endian machine.
import ipaddr from "ipaddr.js";

/** Room for either. */
export const ADDRESS_WORDS = 8;
/** Remote addresses whose two spellings are remembered; beyond, all are forgotten and read anew. */
export const ADDRESSES_MAX = 4_096;

const AF_INET = 2;
const AF_INET6 = 10;
const IPV4_LENGTH = 16;
const IPV6_LENGTH = 28;
const IPV4_HOST = 1;
const IPV6_HOST = 2;
const IPV6_SCOPE = 6;

/** The one that was read last in each of these places is found without a look into a table. A power of two. */
const LATELY = 64;

export class SocketAddresses {
  private readonly written = new Map<string, Uint32Array>();
  private readonly read4 = new Map<number, string>();
  private readonly lately = new Uint32Array(LATELY);
  private readonly latelyText: string[] = new Array<string>(LATELY).fill("0.0.0.0");
  private readonly read6 = new Map<string, string>();

  /** @param address numeric, with a scope ("%2") where IPv6 needs one @returns its length in bytes; 0: it is no address */
  write(words: Uint32Array, at: number, address: string, port: number): number {
    let known = this.written.get(address);
    if (known === undefined) {
      const made = wordsOf(address);
      if (made === null) return 0;
      known = made;
      remember(this.written, address, known);
    }
    const family = known[0] as number;
    words[at] = family | ((port & 0xff00) << 8) | ((port & 0xff) << 24);
    if (family === AF_INET) {
      words[at + IPV4_HOST] = known[IPV4_HOST] as number;
      return IPV4_LENGTH;
    }
    for (let word = 1; word < known.length; word++) words[at + word] = known[word] as number;
    return IPV6_LENGTH;
  }

  /** As Node would spell it, but for the scope, which is a number here. */
  address(words: Uint32Array, at: number): string {
    if (((words[at] as number) & 0xffff) !== AF_INET) return this.address6(words, at);
    const host = words[at + IPV4_HOST] as number;
    const place = (host ^ (host >>> 24)) & (LATELY - 1);
    if (this.lately[place] === host) return this.latelyText[place] as string;
    const text = this.address4(host);
    this.lately[place] = host;
    this.latelyText[place] = text;
    return text;
  }

  private address4(host: number): string {
    let text = this.read4.get(host);
    if (text === undefined) {
      text = `${host & 255}.${(host >>> 8) & 255}.${(host >>> 16) & 255}.${host >>> 24}`;
      remember(this.read4, host, text);
    }
    return text;
  }

  port(words: Uint32Array, at: number): number {
    const word = words[at] as number;
    return ((word >>> 8) & 0xff00) | (word >>> 24);
  }

  private address6(words: Uint32Array, at: number): string {
    const key = words.subarray(at + IPV6_HOST, at + IPV6_SCOPE + 1).join();
    let text = this.read6.get(key);
    if (text === undefined) {
      const bytes = [...new Uint8Array(words.buffer, words.byteOffset + (at + IPV6_HOST) * 4, 16)];
      const scope = words[at + IPV6_SCOPE];
      text = ipaddr.fromByteArray(bytes).toString() + (scope === 0 ? "" : `%${scope}`);
      remember(this.read6, key, text);
    }
    return text;
  }
}

/** The address with port 0; null where it is none. */
function wordsOf(address: string): Uint32Array | null {
  const [host = "", scope = "0"] = address.split("%");
  if (!ipaddr.IPv4.isValidFourPartDecimal(host) && !ipaddr.IPv6.isValid(host)) return null;
  if (!Number.isInteger(Number(scope))) return null;
  const bytes = ipaddr.parse(host).toByteArray();
  const words = new Uint32Array(IPV6_SCOPE + 1);
  const isIPv6 = bytes.length > 4;
  words[0] = isIPv6 ? AF_INET6 : AF_INET;
  new Uint8Array(words.buffer).set(bytes, (isIPv6 ? IPV6_HOST : IPV4_HOST) * 4);
  if (isIPv6) words[IPV6_SCOPE] = Number(scope);
  return words;
}

function remember<Key, Value>(all: Map<Key, Value>, key: Key, value: Value): void {
  if (all.size >= ADDRESSES_MAX) all.clear();
  all.set(key, value);
}
