import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FormatError, IoError } from "../util/errors.ts";
import { withPathHint } from "./suggest-path.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fewbit-path-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  mkdirSync(join(path, "my-model"));
  writeFileSync(join(path, "weights.gguf"), "");
  return path;
}

const open = (name: string, error: Error): Promise<never> => withPathHint(name, () => Promise.reject(error));
const missing = new IoError("no such folder or file");

test("the nearest neighbour is named", async () => {
  const path = folder();
  await expect(open(`${path}/wieghts.gguf`, missing)).rejects.toThrow(`did you mean "${path}/weights.gguf"?`);
  await expect(open(`${path}/my-modle/`, missing)).rejects.toThrow(`did you mean "${path}/my-model"?`);
  await expect(open(`${path}/my-modle/model.safetensors`, missing)).rejects.toThrow(`did you mean "${path}/my-model"?`);
});

test("other errors stay what they are", async () => {
  const path = folder();
  await expect(open(`${path}/nothing-like-it`, missing)).rejects.toBe(missing);
  await expect(open(`${path}/my-model`, missing)).rejects.toBe(missing); // it is there
  const malformed = new FormatError("malformed");
  await expect(open(`${path}/my-modle`, malformed)).rejects.toBe(malformed);
});
