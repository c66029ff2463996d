// A bar chart as SVG: groups of bars, each bar in two stacked parts. Pure text, no library.

export interface Bar {
  label: string;
  color: string;
  /** The lower part, and what is stacked on it. */
  lower: number;
  upper: number;
}

export interface BarGroup {
  title: string;
  bars: readonly Bar[];
}

export interface Chart {
  title: string;
  /** What the parts mean, and the unit. */
  subtitle: string;
  groups: readonly BarGroup[];
}

const WIDTH = 840;
const HEIGHT = 400;
const PLOT = { left: 56, right: WIDTH - 16, top: 104, bottom: HEIGHT - 36 };
const GRID_LINES = 4;
/** Of a group's width what is left free beside its bars. */
const GAP = 0.24;
const FONT = "font-family='system-ui, sans-serif'";

function escaped(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function text(x: number, y: number, content: string, more = "font-size='12' fill='#333'"): string {
  return `<text x='${x.toFixed(1)}' y='${y.toFixed(1)}' ${FONT} ${more}>${escaped(content)}</text>`;
}

function rectangle(box: { x: number; y: number; width: number; height: number }, more: string): string {
  const { x, y, width, height } = box;
  return `<rect x='${x.toFixed(1)}' y='${y.toFixed(1)}' width='${width.toFixed(1)}' height='${Math.max(0, height).toFixed(1)}' ${more}/>`;
}

/** The least of 1, 2, 2.5, 5 times a power of ten whose fourfold is not below the value. */
export function gridStep(largest: number): number {
  const wanted = Math.max(largest, 1e-9) / GRID_LINES;
  const power = 10 ** Math.floor(Math.log10(wanted));
  return ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= wanted * (1 - 1e-9)) ?? 10) * power;
}

function drawBar(bar: Bar, slot: { x: number; width: number }, scale: number): string {
  const value = bar.lower + bar.upper;
  if (!Number.isFinite(value)) return "";
  const { x, width } = slot;
  const top = PLOT.bottom - value * scale;
  const seam = PLOT.bottom - bar.lower * scale;
  return [
    rectangle({ x, y: top, width, height: seam - top }, `fill='${bar.color}'`),
    rectangle({ x, y: seam, width, height: PLOT.bottom - seam }, `fill='${bar.color}' fill-opacity='0.55'`),
    text(x + width / 2, top - 4, value.toFixed(0), "font-size='11' text-anchor='middle' fill='#333'"),
  ].join("\n");
}

function legend(bars: readonly Bar[]): string {
  let x = PLOT.left;
  return bars
    .map(({ label, color }) => {
      const drawn = `${rectangle({ x, y: 64, width: 12, height: 12 }, `fill='${color}'`)}\n${text(x + 18, 74, label)}`;
      x += 34 + 7 * label.length;
      return drawn;
    })
    .join("\n");
}

/** The chart, its largest bar as high as the plot allows; a bar that is no number is left out. */
export function barChart(chart: Chart): string {
  const values = chart.groups.flatMap(({ bars }) => bars.map(({ lower, upper }) => lower + upper));
  const step = gridStep(Math.max(0, ...values.filter(Number.isFinite)));
  const scale = (PLOT.bottom - PLOT.top) / (step * GRID_LINES);
  const groupWidth = (PLOT.right - PLOT.left) / Math.max(1, chart.groups.length);
  const grid = Array.from({ length: GRID_LINES + 1 }, (_, index) => {
    const y = PLOT.bottom - index * step * scale;
    const label = text(
      PLOT.left - 8,
      y + 4,
      `${index * step}`,
      "font-size='11' text-anchor='end' fill='#666'",
    );
    return `<line x1='${PLOT.left}' x2='${PLOT.right}' y1='${y.toFixed(1)}' y2='${y.toFixed(1)}' stroke='#ddd'/>\n${label}`;
  });
  const groups = chart.groups.map(({ title, bars }, index) => {
    const left = PLOT.left + index * groupWidth;
    const width = (groupWidth * (1 - GAP)) / Math.max(1, bars.length);
    const drawn = bars.map((bar, position) =>
      drawBar(bar, { x: left + (groupWidth * GAP) / 2 + position * width, width: width * 0.9 }, scale),
    );
    const under = text(
      left + groupWidth / 2,
      PLOT.bottom + 22,
      title,
      "font-size='13' text-anchor='middle' fill='#333'",
    );
    return [...drawn, under].join("\n");
  });
  return [
    `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ${WIDTH} ${HEIGHT}' width='${WIDTH}' height='${HEIGHT}' role='img'>`,
    `<title>${escaped(chart.title)}</title>`,
    rectangle({ x: 0, y: 0, width: WIDTH, height: HEIGHT }, "fill='#fff'"),
    text(16, 26, chart.title, "font-size='17' font-weight='600' fill='#111'"),
    text(16, 46, chart.subtitle, "font-size='12' fill='#666'"),
    legend(chart.groups[0]?.bars ?? []),
    ...grid,
    ...groups,
    "</svg>",
    "",
  ].join("\n");
}
