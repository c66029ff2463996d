#!/usr/bin/env node
/** The program: hands the command line over. */
import { setFlagsFromString } from "node:v8";
import { main } from "./cli/main.ts";

// A transaction lives for half a minute, so that most of what a collection of the young generation finds is alive and copied:
// a large one costs the same in all, and stops the node for 15 ms at a time instead of one (docs/performance.md).
setFlagsFromString("--semi-space-growth-factor=1");

await main(process.argv);
