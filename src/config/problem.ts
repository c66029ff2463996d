/** What is wrong with a configuration file, said so that the user can mend it at once. */

export interface ConfigProblem {
  readonly file: string;
  /** From 1; 1 where the file as a whole is meant. */
  readonly line: number;
  readonly column: number;
  /** Path of the key, such as `groups.pbx.targets[1].weight`; "" where the file as a whole is meant. */
  readonly key: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

/** A file that can't be used. Holds every problem of it, in the order of the lines. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "CONFIG_INVALID";
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** Two lines: where and what, then the remedy. */
export function formatProblem(problem: ConfigProblem): string {
  const key = problem.key === "" ? "" : ` ${problem.key}:`;
  return (
    `${problem.file}:${problem.line}:${problem.column}:${key} expected ${problem.expected}; ` +
    `found ${problem.found}\n    remedy: ${problem.remedy}`
  );
}

export type KeyPath = readonly (string | number)[];

/** `groups.pbx.targets[1]` */
export function formatKeyPath(path: KeyPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}
