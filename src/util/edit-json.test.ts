import { expect, test } from "vitest";
import { editJsonObject } from "./edit-json.ts";

test("other members stay letter for letter", () => {
  const text = '{"a": 1.0, "b": {"c": [1e-05, "x, }\\"]"]},\n "q": {"bits": 4}, "n": NaN}';
  expect(editJsonObject(text, { q: { bits: 8 }, more: [1] })).toBe(
    '{\n  "a": 1.0,\n  "b": {"c": [1e-05, "x, }\\"]"]},\n  "n": NaN,\n  "q": {\n    "bits": 8\n  },\n  "more": [\n    1\n  ]\n}\n',
  );
});

test("members are left out, all of a name, however it is written; none need be there", () => {
  expect(editJsonObject('{"q": 1, "\\u0071": 2, "a": "q"}', { q: undefined })).toBe('{\n  "a": "q"\n}\n');
  expect(editJsonObject(" { } ", { q: undefined })).toBe("{}\n");
});
