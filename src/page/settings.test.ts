import { expect, test } from "vitest";
import { PageStorage } from "./page-storage.ts";
import { loadSettings, saveSettings } from "./settings.ts";

function storage(text: string | null = null): PageStorage {
  let item = text;
  return new PageStorage(() => ({ getItem: () => item, setItem: (_key, value) => void (item = value) }));
}

test("settings come back", () => {
  const settings = { system: "Be brief.", temperature: 0, topK: 40 };
  const kept = storage();
  saveSettings(kept, settings);
  expect(loadSettings(kept)).toEqual(settings);
});

test.each([
  null,
  "not JSON",
  "[]",
  "null",
  '{"temperature":-1,"topP":7,"topK":"all","seed":null,"system":3,"other":1}',
])("what cannot be a setting is left out: %s", (text) => {
  expect(loadSettings(storage(text))).toEqual({ system: "" });
});
