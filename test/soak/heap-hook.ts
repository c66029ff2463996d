// Loaded into the node under test by --import: at SIGUSR2 it collects all garbage and appends what is left to a file.
import { appendFileSync } from "node:fs";

const file = process.env["TANDEM_SOAK_HEAP"];
const { gc } = globalThis;

if (file !== undefined && gc !== undefined) {
  process.on("SIGUSR2", () => {
    // Twice: what finalizers let go goes in the second.
    gc();
    gc();
    const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
    appendFileSync(file, `${JSON.stringify({ heapUsed, external, arrayBuffers, rss })}\n`);
  });
}
