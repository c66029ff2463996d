#!/usr/bin/env node
// The command `tandem`: of an installed package (dist/, JavaScript) or of a checkout (src/, TypeScript).
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 24;
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"];

const recent = Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN;
const source = new URL("../src/main.ts", import.meta.url);
const compiled = new URL("../dist/main.js", import.meta.url);
const pinned = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
const checkout = existsSync(source);

/** An older Node started us in a checkout: the pinned one takes over, signals and exit code included. */
function runPinned() {
  const child = spawn(pinned, [fileURLToPath(source), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      // Ctrl-C at a terminal has reached the child already.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    console.error(`tandem: ${pinned}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (recent) {
  await import((checkout ? source : compiled).href);
} else if (checkout && existsSync(pinned)) {
  runPinned();
} else {
  const remedy = checkout ? "run `npm run check` once, which installs one here" : "install a newer one";
  console.error(`tandem: needs Node ${NODE_MAJOR_MIN} or newer, and this is ${process.version}: ${remedy}.`);
  process.exitCode = 1;
}
