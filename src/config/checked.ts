/** Outcome of reading one value that a user wrote: the value, or what should have stood there and how to mend it. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly expected: string; readonly remedy: string };

/** The value is good. */
export function good<T>(value: T): Checked<T> {
  return { ok: true, value };
}

/** The value is bad: what was expected, and what the user should do. */
export function bad<T>(expected: string, remedy: string): Checked<T> {
  return { ok: false, expected, remedy };
}
