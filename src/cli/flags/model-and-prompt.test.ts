import { expect, test } from "vitest";
import { UsageError } from "../usage-error.ts";
import { modelAndPrompt } from "./model-and-prompt.ts";

const exists = (path: string): boolean => ["models/tiny", "tiny"].includes(path);
const none = { hasIds: false, exists };

test.each([
  ["nothing", [], {}],
  ["a folder that exists", ["models/tiny"], { model: "models/tiny" }],
  ["one word that exists", ["tiny"], { model: "tiny" }],
  ["a GGUF file", ["x.gguf"], { model: "x.gguf" }],
  ["a safetensors file", ["some model.safetensors"], { model: "some model.safetensors" }],
  ["a legacy file", ["x.bin"], { model: "x.bin" }],
  ["./", ["./what"], { model: "./what" }],
  ["../", ["../what"], { model: "../what" }],
  ["/", ["/what is this"], { model: "/what is this" }],
  ["an id", ["org/name"], { model: "org/name" }],
  ["an id with a revision", ["org/name@main"], { model: "org/name@main" }],
  ["an id with a file", ["org/na-me_1.5:Q4_K_M"], { model: "org/na-me_1.5:Q4_K_M" }],
  ["an id with both", ["org/name@v1:Q8_0"], { model: "org/name@v1:Q8_0" }],
  ["a sentence", ["Why is the sky blue?"], { prompt: "Why is the sky blue?" }],
  ["a sentence with a slash", ["either/or is a book"], { prompt: "either/or is a book" }],
  ["one word", ["Hello"], { prompt: "Hello" }],
  ["a path of three parts", ["a/b/c"], { prompt: "a/b/c" }],
  ["a file that is mentioned", ["what is x.gguf?"], { prompt: "what is x.gguf?" }],
  ["nothing in quotes", [""], { prompt: "" }],
  ["two", ["Hello", "tiny"], { model: "Hello", prompt: "tiny" }],
])("%s", (_, positionals, expected) => {
  expect(modelAndPrompt({ ...none, positionals })).toEqual(expected);
});

test("with --ids, one argument is the model, whatever it looks like", () => {
  expect(modelAndPrompt({ positionals: ["Hello"], hasIds: true, exists })).toEqual({ model: "Hello" });
});

test("flags decide, and leave the rest to the arguments", () => {
  expect(modelAndPrompt({ ...none, positionals: [], model: "a", prompt: "b" })).toEqual({ model: "a", prompt: "b" });
  expect(modelAndPrompt({ ...none, positionals: ["tiny"], model: "a" })).toEqual({ model: "a", prompt: "tiny" });
  expect(modelAndPrompt({ ...none, positionals: ["Hello"], prompt: "b" })).toEqual({ model: "Hello", prompt: "b" });
});

test.each([
  ["a second model", { ...none, positionals: ["a", "b"], model: "c" }],
  ["a second prompt", { ...none, positionals: ["a", "b"], prompt: "c" }],
  ["an argument when both are given", { ...none, positionals: ["a"], model: "b", prompt: "c" }],
  ["a prompt beside ids", { positionals: ["a", "b"], hasIds: true, exists }],
  ["-p beside ids", { positionals: [], prompt: "a", hasIds: true, exists }],
  ["three arguments", { ...none, positionals: ["a", "b", "c"] }],
])("%s is refused", (_, given) => {
  expect(() => modelAndPrompt(given)).toThrow(UsageError);
});
