/** What is wrong in one line of a good file, and what the user must be told of it. */

/** One line of the good file, and what stands there instead; a `with` of several lines moves the rest down. */
export interface Mistake {
  readonly name: string;
  /** Number in the good file, from 1. */
  readonly line: number;
  readonly with: string;
  /** Where the problem is to be reported; `line` where it is left out. */
  readonly reported?: number;
  readonly key: string;
  readonly expected: RegExp;
  readonly found: RegExp;
  readonly remedy: RegExp;
}
