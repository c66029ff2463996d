#!/usr/bin/env node
/** The program: hands the command line over. */
import { main } from "./cli/main.ts";

await main(process.argv);
