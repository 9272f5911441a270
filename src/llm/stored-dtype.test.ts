import { expect, test } from "vitest";
import type { CheckpointModule } from "../checkpoint/checkpoint.ts";
import type { Model } from "../models/model.ts";
import { parseJsonObject } from "../util/json.ts";
import { storedDtype } from "./stored-dtype.ts";

const model = { layers: [{ kind: "embedding", module: "embed" }] } as unknown as Model;
const dense = (dtype: string) => ({ tensor: { dtype } }) as unknown as CheckpointModule;
const packed = { scheme: "block" } as CheckpointModule;

test.each([
  ["the embedding's type", dense("F16"), { torch_dtype: "bfloat16" }, "f16"],
  ["the config's, of a packed embedding", packed, { torch_dtype: "float16" }, "f16"],
  ["the config's, under its new name", packed, { dtype: "float32" }, "f32"],
  ["bf16, where nothing says anything", packed, {}, "bf16"],
  ["bf16, for a type that activations cannot be", dense("F64"), { torch_dtype: "float64" }, "bf16"],
])("%s", (_, module, members, expected) => {
  const config = parseJsonObject(new TextEncoder().encode(JSON.stringify(members)), "config");
  expect(storedDtype({ config, module: (name) => (name === "embed" ? module : undefined) }, model)).toBe(expected);
});
