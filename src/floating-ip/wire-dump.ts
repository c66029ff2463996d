/**
 * Reads what `socat -x` writes to standard error: each datagram as a line that begins with its direction, then its bytes in
 * hexadecimal. Standard output has the bytes without bounds: two datagrams that come together can't be told apart there. Pure.
 */

/** A datagram that we care for has less than 100 bytes; a line past this is dropped as none. */
const LINE_BYTES_MAX = 1_024;

export interface WireDump {
  /** The end of the text that is no whole line yet. */
  readonly rest: string;
  /** The next line of bytes was received; else it is an echo of what we sent. */
  readonly received: boolean;
}

export const EMPTY_DUMP: WireDump = { rest: "", received: false };

export interface DumpRead {
  readonly dump: WireDump;
  /** Datagrams received, in order. */
  readonly datagrams: readonly Uint8Array[];
  /** Lines that are no dump: what the program complains of. */
  readonly words: readonly string[];
}

export function readDump(before: WireDump, text: string): DumpRead {
  const lines = (before.rest + text).split("\n");
  const last = lines.pop() ?? "";
  let { received } = before;
  const datagrams: Uint8Array[] = [];
  const words: string[] = [];
  for (const line of lines) {
    if (/^[<>] .* length=\d+ /.test(line)) received = line.startsWith("<");
    else if (/^(?: [0-9a-f]{2})+\s*$/.test(line)) {
      if (received && line.length <= LINE_BYTES_MAX) datagrams.push(bytesOf(line));
    } else if (line.trim() !== "" && line !== "--") words.push(line);
  }
  return { dump: { rest: last.slice(0, 4 * LINE_BYTES_MAX), received }, datagrams, words };
}

function bytesOf(line: string): Uint8Array {
  return Uint8Array.from(line.trim().split(" "), (byte) => Number.parseInt(byte, 16));
}
