import { expect, test } from "vitest";
import { linkTarget, repositoryFolder, repositoryOfFolder } from "./cache-layout.ts";

test.each([
  ["org/name", "models--org--name"],
  ["Qwen/Qwen2.5-0.5B", "models--Qwen--Qwen2.5-0.5B"],
])("%s", (repository, folder) => {
  expect(repositoryFolder(repository)).toBe(folder);
  expect(repositoryOfFolder(folder)).toBe(repository);
});

test.each([
  ["models--gpt2", "gpt2"],
  ["datasets--org--name", undefined],
  ["models--", undefined],
  ["models--..--name", undefined],
  ["models--a--b--c", undefined],
  [".locks", undefined],
])("%s", (folder, repository) => {
  expect(repositoryOfFolder(folder)).toBe(repository);
});

test("links lead from a file's own folder to the blob", () => {
  expect(linkTarget("config.json", "ab")).toBe("../../blobs/ab");
  expect(linkTarget("Q4_0/x.gguf", "ab")).toBe("../../../blobs/ab");
});
