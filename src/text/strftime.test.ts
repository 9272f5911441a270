import { expect, test } from "vitest";
import { strftime } from "./strftime.ts";

const date = new Date(2025, 2, 9, 14, 5, 6); // a Sunday

// By Python 3.11, in the "C" locale.
test.each([
  ["%Y-%m-%d %H:%M:%S", "2025-03-09 14:05:06"],
  ["%d %b %Y", "09 Mar 2025"],
  ["%A, %B %-d", "Sunday, March 9"],
  ["%a %e %y %I %p %j %w", "Sun  9 25 02 PM 068 0"],
  ["%F %T %-I%%", "2025-03-09 14:05:06 2%"],
  ["%Q %é", "%Q %é"],
])("%s", (format, expected) => {
  expect(strftime(date, format)).toBe(expected);
});

test("midnight and zeros", () => {
  const midnight = new Date(2000, 0, 1, 0, 0, 0);
  expect(strftime(midnight, "%I %p %-H %-M %y %-y %j")).toBe("12 AM 0 0 00 0 001");
});
