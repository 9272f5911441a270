import type { WeightError } from "./weight-errors.ts";

const size = { width: 960, height: 480 };
const plot = { left: 72, top: 56, right: 760, bottom: 424 };
/** Told apart by people who see colours otherwise, too (Okabe and Ito). */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a8a", "#7b3294"];

/**
 * The errors of all linears by layer as an SVG: one line for each kind of linear, on a logarithmic scale of whole decades; what is the same
 * stands below it. Linears outside of layers are the first and last columns.
 */
export function errorPlot(title: string, errors: readonly WeightError[]): string {
  const columns = columnsOf(errors);
  const kinds = [...new Set(errors.map(({ module }) => placeOf(module).kind))];
  const decades = decadesOf(errors);
  const x = (column: number): number =>
    plot.left + ((column + 0.5) * (plot.right - plot.left)) / Math.max(1, columns.length);
  const y = (error: number): number => {
    const share = error === 0 ? 0 : (Math.log10(error) - decades.low + 0.5) / (decades.high - decades.low + 0.5);
    return plot.bottom - share * (plot.bottom - plot.top);
  };
  const ticks = Array.from({ length: decades.high - decades.low + 1 }, (_, i) => decades.low + i);
  const step = Math.ceil(columns.length / 24);
  const series = kinds.map((kind, i) => {
    const points = errors
      .filter(({ module }) => placeOf(module).kind === kind)
      .map(({ module, relativeError }) => [x(columns.indexOf(placeOf(module).column)), y(relativeError)] as const)
      .sort(([a], [b]) => a - b);
    return drawSeries(kind, points, colours[i % colours.length], i);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${size.width}" height="${size.height}" fill="#fff"/>`,
    text(plot.left, 28, title, 'font-size="16" fill="#222"'),
    text(plot.left, 46, "relative error of each weight, ‖found − wanted‖ / ‖wanted‖", 'fill="#666"'),
    ...ticks.flatMap((decade) => [
      line(y(10 ** decade)),
      text(plot.left - 8, y(10 ** decade) + 4, `1e${decade}`, 'text-anchor="end" fill="#444"'),
    ]),
    line(plot.bottom),
    text(plot.left - 8, plot.bottom + 4, "same", 'text-anchor="end" fill="#444"'),
    ...columns.flatMap((column, i) =>
      i % step === 0 ? [text(x(i), plot.bottom + 20, column, 'text-anchor="middle" fill="#444"')] : [],
    ),
    text((plot.left + plot.right) / 2, plot.bottom + 42, "layer", 'text-anchor="middle" fill="#666"'),
    ...series.flat(),
    "</svg>\n",
  ].join("\n");
}

interface Place {
  readonly column: string;
  readonly kind: string;
}

/** "model.layers.3.mlp.experts.7.up_proj" is of layer 3 and of the kind mlp.experts.up_proj: points of one kind may share a column. */
function placeOf(module: string): Place {
  const [, layer, kind] = /\.layers\.(\d+)\.(.+)$/.exec(module) ?? [];
  if (kind !== undefined) return { column: layer, kind: kind.replace(/\.\d+(?=\.)/g, "") };
  const name = module.slice(module.lastIndexOf(".") + 1);
  return { column: name, kind: name };
}

/** Layers in order, what comes before them first. */
function columnsOf(errors: readonly WeightError[]): readonly string[] {
  return [...new Set(errors.map(({ module }) => placeOf(module).column))];
}

function decadesOf(errors: readonly WeightError[]): { readonly low: number; readonly high: number } {
  const logs = errors.flatMap(({ relativeError }) =>
    relativeError > 0 && relativeError < Infinity ? [Math.log10(relativeError)] : [],
  );
  if (logs.length === 0) return { low: -3, high: 0 };
  return {
    low: Math.floor(Math.min(...logs)),
    high: Math.max(Math.ceil(Math.max(...logs)), Math.floor(Math.min(...logs)) + 1),
  };
}

function drawSeries(
  kind: string,
  points: readonly (readonly [number, number])[],
  colour: string,
  index: number,
): readonly string[] {
  const at = plot.top + 18 * index;
  return [
    `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ")}"/>`,
    ...points.map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="3" fill="${colour}"/>`),
    `<circle cx="${plot.right + 20}" cy="${at}" r="4" fill="${colour}"/>`,
    text(plot.right + 32, at + 4, kind, 'fill="#222"'),
  ];
}

function line(y: number): string {
  return `<line x1="${plot.left}" x2="${plot.right}" y1="${round(y)}" y2="${round(y)}" stroke="#ddd"/>`;
}

/** Names come from a stranger's file. */
function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replace(/[<>&"]|\p{Cc}/gu, (character) => `&#${Math.max(32, character.charCodeAt(0))};`);
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped}</text>`;
}

function round(value: number): string {
  return value.toFixed(1);
}
