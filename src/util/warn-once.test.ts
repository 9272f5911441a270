import { expect, test } from "vitest";
import { once } from "./warn-once.ts";

test("each message passes once; sinks do not share what they have seen", () => {
  const heard: string[] = [];
  const warn = once((message) => heard.push(message));
  for (const message of ["a", "b", "a", "a"]) warn(message);
  expect(heard).toEqual(["a", "b"]);
  once((message) => heard.push(message))("a");
  expect(heard).toEqual(["a", "b", "a"]);
});
