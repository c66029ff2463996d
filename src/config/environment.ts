/** ${NAME} in a value: taken from the environment, so that secrets need not stand in the file. */

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolated {
  readonly text: string;
  /** What was wrong with each reference that could not be replaced. */
  readonly faults: readonly { readonly expected: string; readonly found: string; readonly remedy: string }[];
}

const REFERENCE = /(\$?)\$\{([^}]*)(\}?)/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Replaces every reference; two dollar signs before the brace stand for one that is meant as such. */
export function interpolate(text: string, env: Environment): Interpolated {
  const faults: Interpolated["faults"][number][] = [];
  const replaced = text.replace(REFERENCE, (whole: string, doubled: string, name: string, end: string) => {
    if (doubled !== "") return whole.slice(1);
    if (end === "" || !NAME.test(name)) {
      const expected = "a variable of the environment, its name between $" + "{ and }";
      faults.push({
        expected,
        found: whole,
        remedy: "mend the name, or write $$ for a plain $ before a brace",
      });
      return "";
    }
    const value = env[name];
    if (value === undefined) {
      const remedy = `set ${name} for the process that starts tandem, or write the value here`;
      faults.push({ expected: `the environment variable ${name}`, found: "no such variable", remedy });
    }
    return value ?? "";
  });
  return { text: replaced, faults };
}
