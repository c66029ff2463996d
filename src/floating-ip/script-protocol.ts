/** What a floating IP script is given and what its exit code and output mean. Pure. docs/floating-ip.md is its page. */

export type ScriptAction = "add" | "remove" | "status";

export interface ScriptRequest {
  readonly action: ScriptAction;
  /** This node's name. */
  readonly node: string;
  /** "" where none is configured. */
  readonly interface: string;
  readonly addresses: readonly string[];
}

/** One line of JSON for standard input. `version` grows when a reader of this one would be wrong. */
export function scriptInput(request: ScriptRequest): string {
  return `${JSON.stringify({ version: 1, ...request })}\n`;
}

/** The same for a shell script, which has no JSON. */
export function scriptEnvironment(request: ScriptRequest): Record<string, string> {
  return {
    TANDEM_ACTION: request.action,
    TANDEM_NODE: request.node,
    TANDEM_INTERFACE: request.interface,
    TANDEM_ADDRESSES: request.addresses.join(" "),
  };
}

export interface ScriptEnd {
  /** Null: ended by a signal, or never started. */
  readonly code: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export type ScriptOutcome =
  | { readonly kind: "done" }
  /** It may work a little later. */
  | { readonly kind: "again"; readonly reason: string }
  /** It will not work before somebody mends it. */
  | { readonly kind: "hopeless"; readonly reason: string };

/** Codes of sysexits(3): a wrong configuration, no permission. 126 and 127 are the shell's for a command that can't run. */
const HOPELESS_CODES: ReadonlySet<number> = new Set([77, 78, 126, 127]);

/** Of what a script complains, the end is kept. */
const WORDS_KEPT = 200;

export function scriptOutcome(end: ScriptEnd): ScriptOutcome {
  if (end.code === 0 && !end.timedOut) return { kind: "done" };
  const last = end.stderr.trim().split("\n").at(-1)?.slice(-WORDS_KEPT) ?? "";
  const how = end.timedOut ? "took too long and was killed" : `ended with code ${end.code ?? "none"}`;
  const reason = last === "" ? how : `${how}: ${last}`;
  const hopeless = !end.timedOut && end.code !== null && HOPELESS_CODES.has(end.code);
  return { kind: hopeless ? "hopeless" : "again", reason };
}

/**
 * What `status` printed: `{"held": true}` where this node has the addresses.
 * @returns null where it is something else
 */
export function parseScriptStatus(stdout: string): boolean | null {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || !("held" in value)) return null;
  return typeof value.held === "boolean" ? value.held : null;
}

/** Waits before the second and each later try: doubling. */
export function retryWaitMs(triesMade: number, firstMs: number): number {
  return firstMs * 2 ** (triesMade - 1);
}
