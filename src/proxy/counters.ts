/** What the proxy counts. Names are stable: metrics and logs use them. */
export class Counters {
  readonly values: Record<string, number> = Object.create(null);

  /** Adds one to the counter `name`, which begins at zero. */
  add(name: string): void {
    this.values[name] = (this.values[name] ?? 0) + 1;
  }
}
