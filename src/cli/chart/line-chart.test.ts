import { expect, test } from "vitest";
import { lineChart } from "./line-chart.ts";

test("points stand where the axes say, and names are no markup", () => {
  const series = [{ name: "<a&b>", points: [{ x: 0, y: 0 }, { x: 10, y: 100 }] }]; // prettier-ignore
  const svg = lineChart({ title: 'Say "x"', x: { label: "x" }, y: { label: "y" }, series });
  expect(svg).toContain('d="M72 360L696 76"');
  expect(svg).toContain("&#60;a&#38;b&#62;");
  expect(svg).not.toContain("<a&");
  expect(svg).toContain('aria-label="Say &#34;x&#34;"');
});
