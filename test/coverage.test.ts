// Loads every file of the layers whose coverage is measured: one that no test loads must count as uncovered.
import { readdirSync } from "node:fs";
import { test } from "node:test";

for (const folder of ["sip", "proxy"]) {
  const root = new URL(`../src/${folder}/`, import.meta.url);
  test(`every file of src/${folder} loads by itself`, async () => {
    for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
      if (name.endsWith(".ts")) await import(new URL(name, root).href);
    }
  });
}
