import { expect, test } from "vitest";
import { visibleControls } from "./visible-controls.ts";

test("a terminal is told nothing", () => {
  expect(visibleControls("\x1b[2J\x1b]0;title\x07\r\x7f\r\n\x9b1A\0")).toBe("␛[2J␛]0;title␇␍␡\n\ufffd1A␀");
});

test("text stays as it is", () => {
  const text = "tab\tline\nnaïve 日本語 👩‍💻 ­‮";
  expect(visibleControls(text)).toBe(text);
});
