import { expect, test } from "vitest";
import { IoError } from "../util/errors.ts";
import { redirectTarget } from "./redirect-target.ts";

test.each([
  ["https://hub/a/b", "https://cdn/x?signature=1", "https://cdn/x?signature=1"],
  ["https://hub/a/b", "/c", "https://hub/c"],
  ["https://hub/a/b", "//cdn/c", "https://cdn/c"],
  ["http://mirror/a", "https://cdn/c", "https://cdn/c"],
  ["http://mirror/a", "http://cdn/c", "http://cdn/c"],
])("from %s to %s", (from, location, to) => {
  expect(redirectTarget(new URL(from), location, "a file").href).toBe(to);
});

test.each([
  ["https://hub/a", "http://hub/a"],
  ["https://hub/a", "file:///etc/passwd"],
  ["http://hub/a", "data:,x"],
  ["http://hub/a", "ftp://hub/a"],
  ["https://hub/a", "https://["],
])("not from %s to %s", (from, location) => {
  expect(() => redirectTarget(new URL(from), location, "a file")).toThrow(IoError);
});
