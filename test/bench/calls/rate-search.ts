// Finds the highest rate that a proxy carries cleanly. Pure but for the probe it is given.

/**
 * What a few seconds at a rate showed. `bad`: calls failed or messages were sent again; `load`: the load itself could
 * not keep up while the proxy had time left.
 */
export type Verdict = "clean" | "bad" | "load";

export interface Search {
  /** Where to begin, calls a second. */
  start: number;
  max: number;
  /** Step while nothing bad was seen, and while nothing clean was: above 1. */
  factor: number;
  /** Ends when the lowest bad rate is within this factor of the highest clean one. */
  resolution: number;
  probesMax: number;
}

export interface Found {
  /** Highest rate seen clean; 0: none. */
  rate: number;
  /** The proxy could do more: the load, or the end of the range, was reached first. */
  above: boolean;
}

/** Rounded to what can be asked for. */
function next(rate: number): number {
  return Math.round(rate / 50) * 50;
}

export async function highestCleanRate(
  search: Search,
  probe: (rate: number) => Promise<Verdict>,
): Promise<Found> {
  let clean = 0;
  let bad = Number.POSITIVE_INFINITY;
  let loadEnded = false;
  let rate = next(Math.min(search.start, search.max));
  for (let probes = 0; probes < search.probesMax && rate > clean && rate < bad; probes++) {
    const verdict = await probe(rate);
    if (verdict === "clean") clean = rate;
    else {
      bad = rate;
      loadEnded = verdict === "load";
    }
    if (bad / clean <= search.resolution || clean >= search.max) break;
    if (bad === Number.POSITIVE_INFINITY) rate = next(Math.min(search.max, clean * search.factor));
    else if (clean === 0) rate = next(bad / search.factor);
    else rate = next(Math.sqrt(clean * bad));
  }
  return { rate: clean, above: clean > 0 && (loadEnded || clean >= search.max) };
}
