import { expect, test } from "vitest";
import { ChatSettings } from "./chat-settings.ts";

test("a value is taken as the flag takes it, by any of its names", () => {
  const settings = new ChatSettings({ topK: 40 });
  expect(settings.set("temp", "0.5")).toMatch(/^temperature +0\.5$/);
  settings.set("--top-p", "0.9");
  settings.set("stop", "END");
  settings.set("ignore-eos", "on");
  expect(settings.flags).toEqual({ topK: 40, temperature: 0.5, topP: 0.9, stop: ["END"], ignoreEos: true });
});

test("default goes back to the model's own; no value only tells", () => {
  const settings = new ChatSettings({ topK: 40 });
  expect(settings.set("top-k", "")).toMatch(/^top-k +40$/);
  expect(settings.set("top-k", "default")).toMatch(/^top-k +default$/);
  expect(settings.flags.topK).toBeUndefined();
});

test("every setting is listed once", () => {
  const lines = new ChatSettings({ seed: 7 }).describe().split("\n");
  expect(lines.filter((line) => line.startsWith("temp"))).toEqual(["temperature          default"]);
  expect(lines).toContain("seed                 7");
});

test.each([
  ["tempature", "1", /no setting tempature \(did you mean temperature\?\)/],
  ["top-p", "2", /\/set top-p: It must be a number from 0 to 1$/],
  ["ignore-eos", "1", /takes on, off or default/],
  ["stop", "x".repeat(2000), /1 to 1024 characters/],
])("/set %s %s is refused", (name, value, message) => {
  const settings = new ChatSettings({});
  expect(() => settings.set(name, value)).toThrow(message);
  expect(Object.values(settings.flags).filter((flag) => flag !== undefined)).toEqual([]);
});
