// What is damaged: the torture messages of RFC 4475 and RFC 5118, generated ones in odd spelling, captured calls.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { StreamFramer } from "../../src/transport/stream-framer.ts";
import { anyMessage } from "../support/messages.ts";

const TORTURE = join(import.meta.dirname, "../conformance");
/** Calls between SIPp and a node at 127.0.61.1 as the caller saw them: the messages of a file one after the other. */
const CAPTURES = join(import.meta.dirname, "captures");

function filesIn(folder: string, ending: string): Buffer[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => name.endsWith(ending)).map((name) => readFileSync(join(folder, name)));
  if (files.length === 0) throw new Error(`no ${ending} in ${folder}`);
  return files;
}

function captured(): string[] {
  return filesIn(CAPTURES, ".sip").flatMap((bytes) => {
    const framer = new StreamFramer({ headBytes: 32_768, messageBytes: 65_535 });
    const { messages } = framer.push(bytes);
    if (framer.incompleteBytes > 0) throw new Error("a capture ends in the midst of a message");
    return messages;
  });
}

/**
 * Messages to damage, latin1.
 * @param generated how many of the generated ones
 */
export function readCorpus(seed: number, generated: number): string[] {
  const torture = filesIn(TORTURE, ".dat").map((bytes) => bytes.toString("latin1"));
  const made = fc.sample(anyMessage, { seed, numRuns: generated }).map(({ text }) => text);
  return [...torture, ...captured(), ...made];
}
