/**
 * Loaded before the tests of `npm test`: properties run from one seed there, so that a change is judged by what it changed and not by
 * the luck of the day. `SEED=` takes another one; a file that is run on its own draws a new one each time, which is how new
 * counterexamples are hunted.
 */
import fc from "fast-check";

const USUAL_SEED = 20_261_126;

fc.configureGlobal({ seed: Number(process.env["SEED"] ?? USUAL_SEED) });
