import { expect, test } from "vitest";
import { errorPlot } from "./error-plot.ts";

const errors = [
  { module: "model.embed_tokens", relativeError: 0 },
  { module: "model.layers.0.self_attn.q_proj", relativeError: 0.1 },
  { module: "model.layers.0.mlp.experts.0.up_proj", relativeError: 0.01 },
  { module: "model.layers.0.mlp.experts.1.up_proj", relativeError: 0.001 },
  { module: "model.layers.1.self_attn.q_proj", relativeError: 0.05 },
];
const circles = (svg: string): number[] =>
  [...svg.matchAll(/<circle cx="[\d.]+" cy="([\d.]+)" r="3"/g)].map(([, y]) => Number(y));

test("a point for each linear, higher for a larger error, at the bottom for none", () => {
  const [embedding, first, second, ...experts] = circles(errorPlot("a against b", errors));
  expect(experts).toHaveLength(2);
  expect(first).toBeLessThan(second);
  expect(Math.max(...experts)).toBeLessThan(embedding);
  expect(embedding).toBe(424);
});

test("kinds are named once, and layers are columns", () => {
  const svg = errorPlot("a against b", errors);
  expect(svg.match(/>mlp\.experts\.up_proj</g)).toHaveLength(1);
  for (const column of ["embed_tokens", "0", "1"]) expect(svg).toContain(`text-anchor="middle" fill="#444">${column}<`);
});

test.each([
  ["nothing to compare", []],
  ["all the same", [{ module: "a", relativeError: 0 }]],
  [
    "errors that are no numbers",
    [
      { module: "a", relativeError: Infinity },
      { module: "a", relativeError: 1 },
    ],
  ],
])("%s: a picture without NaN", (_, found) => {
  expect(errorPlot("title", found)).not.toMatch(/NaN/);
});

test("a stranger's names are text and nothing else", () => {
  const svg = errorPlot('<script>"&\u0000', [{ module: "x.<b>", relativeError: 1 }]);
  expect(svg).not.toMatch(/<script|<b>/);
  expect(svg).not.toContain("\u0000");
  expect(svg).toContain("&#60;script&#62;&#34;&#38;&#32;");
});
