// What a person sees while something runs: on a terminal one line with a spinner, else a plain line now and then.
const SHOW_AFTER_MS = 2_000;
const PLAIN_EVERY_MS = 10_000;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

const out = process.stdout;
const terminal = Boolean(out.isTTY) && process.env.TERM !== "dumb" && !process.env.CI;
/** @type {Map<string, number>} what is under way, and since when */
const running = new Map();
let timer = null;
let frame = 0;
let lineStart = true;
let drawn = false;
let spokeAt = 0;

function seconds(sinceMs) {
  return `${Math.floor((Date.now() - sinceMs) / 1000)} s`;
}

function clear() {
  if (drawn) out.write("\r\x1b[K");
  drawn = false;
}

function tick() {
  const now = Date.now();
  const slow = [...running].filter(([, since]) => now - since >= SHOW_AFTER_MS);
  if (slow.length === 0 || !lineStart) return;
  const text = slow.map(([label, since]) => `${label} ${seconds(since)}`).join(" · ");
  if (terminal) {
    frame = (frame + 1) % FRAMES.length;
    out.write(`\r\x1b[K${FRAMES[frame]} ${text.slice(0, (out.columns || 80) - 4)}`);
    drawn = true;
  } else if (now - spokeAt >= PLAIN_EVERY_MS) {
    out.write(`  … ${text}\n`);
    spokeAt = now;
  }
}

/** Writes text of a running program, which need not end with a line. */
export function write(text) {
  if (text === "") return;
  clear();
  out.write(text);
  lineStart = text.endsWith("\n");
  spokeAt = Date.now();
}

/** Writes one line of our own. */
export function say(line) {
  write(`${lineStart ? "" : "\n"}${line}\n`);
}

/** Shows `label` with its seconds from two seconds on, until `work` has ended. */
export async function showing(label, work) {
  if (running.size === 0) spokeAt = Date.now() - PLAIN_EVERY_MS;
  running.set(label, Date.now());
  timer ??= setInterval(tick, terminal ? 120 : 500);
  try {
    return await work();
  } finally {
    running.delete(label);
    clear();
    if (running.size === 0) {
      clearInterval(timer);
      timer = null;
    }
  }
}
