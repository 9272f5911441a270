import { niceTicks } from "./nice-ticks.ts";

export interface LineChart {
  readonly title: string;
  readonly x: Axis;
  /** It begins at 0. */
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface Axis {
  /** With its unit: "latency (ms)". */
  readonly label: string;
}

export interface Series {
  readonly name: string;
  /** In the order in which they are joined. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const width = 720;
const height = 420;
const plot = { left: 72, right: 24, top: 76, bottom: 60 };
/** Told apart by people who see few colours, on white and on black. */
const colours = ["#0f8a76", "#d1603d", "#5b6ee1", "#b58900", "#a44a9c", "#6b7280"];

/** A drawing of lines with their points, as SVG that needs nothing else and reads on light and dark pages. */
export function lineChart({ title, x, y, series }: LineChart): string {
  const points = series.flatMap((each) => each.points);
  const xTicks = niceTicks(Math.min(...points.map((p) => p.x)), Math.max(...points.map((p) => p.x)), 8);
  const yTicks = niceTicks(0, Math.max(...points.map((p) => p.y)), 6);
  const right = width - plot.right;
  const bottom = height - plot.bottom;
  const across = scale(xTicks, plot.left, right);
  const up = scale(yTicks, bottom, plot.top);
  const middle = (plot.left + right) / 2;

  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`,
    `<style>text{font:13px system-ui,sans-serif;fill:#6b675f}.title{font-size:16px;font-weight:600;fill:#8a857b}.grid{stroke:#8a857b;stroke-opacity:.25}.line{fill:none;stroke-width:2.5}</style>`,
    text(plot.left, 26, title, "start", "title"),
  ];
  for (const tick of yTicks) {
    parts.push(`<path class="grid" d="M${plot.left} ${round(up(tick))}H${right}"/>`);
    parts.push(text(plot.left - 8, up(tick) + 4, format(tick), "end"));
  }
  for (const tick of xTicks) parts.push(text(across(tick), bottom + 20, format(tick), "middle"));
  parts.push(text(middle, height - 14, x.label, "middle"));
  parts.push(
    `<g transform="rotate(-90 18 ${(plot.top + bottom) / 2})">${text(18, (plot.top + bottom) / 2, y.label, "middle")}</g>`,
  );

  let legend = plot.left;
  for (const [index, { name, points: own }] of series.entries()) {
    const colour = colours[index % colours.length];
    const places = own.map((p) => `${round(across(p.x))} ${round(up(p.y))}`);
    parts.push(`<path class="line" stroke="${colour}" d="M${places.join("L")}"/>`);
    for (const place of places) {
      const [cx, cy] = place.split(" ");
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>`);
    }
    parts.push(`<circle cx="${legend + 5}" cy="50" r="5" fill="${colour}"/>`, text(legend + 16, 54, name, "start"));
    legend += 34 + 7.2 * name.length;
  }
  return `${parts.join("\n")}\n</svg>\n`;
}

function scale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const [first, last] = [ticks[0], ticks.at(-1)!];
  return (value) => from + ((value - first) / (last - first)) * (to - from);
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end", name?: string): string {
  const style = name === undefined ? "" : ` class="${name}"`;
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${style}>${escape(words)}</text>`;
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

function format(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function escape(words: string): string {
  return words.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
