import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "../../src/checkpoint/open-checkpoint.ts";
import { compileModel } from "../../src/compile/compile-model.ts";
import type { WeightDevice } from "../../src/compile/load-weights.ts";
import { openSafetensors } from "../../src/containers/safetensors/read-safetensors.ts";
import type { Device } from "../../src/device/backend.ts";
import { openFile } from "../../src/io/file-source.node.ts";
import { openFolder } from "../../src/io/folder.node.ts";
import type { Folder } from "../../src/io/folder.ts";
import type { Model } from "../../src/models/model.ts";
import { createModel } from "../../src/models/models.ts";
import { asFloat32 } from "../../src/util/bytes.ts";
import { PageBook } from "../conformance/page-book.ts";
import { fixtures, sharedFixtures } from "../support/fixtures.ts";

/** Where a model lies. */
export interface ModelFiles {
  readonly folder: string | Folder;
  /** The weights' file, where the folder holds several models. */
  readonly file?: string;
}

/** A model with golden files beside it (fixtures/README.md). */
export interface GoldenModel extends ModelFiles {
  readonly expected: Expected;
  /** A tensor of its logits.safetensors. */
  readLogits(tensor: string): Promise<Float32Array>;
}

interface Expected {
  readonly prompt_ids: readonly number[];
  readonly greedy_ids: readonly number[];
  readonly short?: { readonly prompt_ids: readonly number[] };
}

/** Of this repository, else of the larger set; undefined where that is not beside the checkout. */
export function goldenModel(kind: "arch" | "models", name: string): GoldenModel | undefined {
  const folder = [fixtures, sharedFixtures ?? fixtures].map((root) => join(root, kind, name)).find(existsSync);
  return folder === undefined ? undefined : read(folder, "");
}

/** A model that is one file, or several parts, among others; as goldenModel. */
export function goldenFile(name: string): GoldenModel | undefined {
  const folders = ["gguf", "gguf/models", "gguf/extra", "gguf/arch"];
  for (const folder of [fixtures, sharedFixtures ?? fixtures].flatMap((root) =>
    folders.map((path) => join(root, path)),
  ))
    for (const ending of [".gguf", ".bin", "-00001-of-00002.gguf"])
      if (existsSync(join(folder, name + ending))) return { ...read(folder, `${name}.`), file: name + ending };
  return undefined;
}

function read(folder: string, prefix: string): GoldenModel {
  return {
    folder,
    expected: JSON.parse(readFileSync(join(folder, `${prefix}expected.json`), "utf8")) as Expected,
    async readLogits(tensor) {
      await using file = await openSafetensors(await openFile(join(folder, `${prefix}logits.safetensors`)));
      const found = file.tensors.get(tensor);
      if (found === undefined) throw new Error(`${folder} has no ${tensor}`);
      return asFloat32(await found.read());
    },
  };
}

/** A sequence on a device: tokens go in by chunks, logits come out for the last `wanted` rows of each. */
export interface GoldenSequence extends AsyncDisposable {
  push(tokens: readonly number[], wanted?: number): Promise<Float32Array>;
}

export interface GoldenSequenceOptions {
  /** Positions in the end. */
  readonly length: number;
  /** Prepares the weights in place of the device. */
  readonly preparer?: WeightDevice;
  /** Absent: a warning is a failure. */
  readonly warn?: (message: string) => void;
}

/** Loads the model and begins a sequence of shuffled pages. */
export async function openSequence(
  device: Device,
  { folder, file }: ModelFiles,
  { length, preparer = device, warn = refuse }: GoldenSequenceOptions,
): Promise<GoldenSequence> {
  const { model, compiled } = await load(preparer, folder, file, warn);
  const book = new PageBook(compiled.program.pageKinds, [length], device.pageSize, 7);
  const executable = await device.load({
    ...compiled,
    limits: {
      maxTokens: length,
      maxSequences: 1,
      maxOutputs: length,
      pageSize: device.pageSize,
      pageCounts: book.pageCounts,
    },
  });
  const ropeVariant = length > (model.ropeSwitchLength ?? Infinity) ? 1 : 0;
  let position = 0;
  return {
    async push(tokens, wanted = tokens.length) {
      const first = position;
      position += tokens.length;
      const { logits = new Float32Array() } = await executable.step({
        tokens: Int32Array.from(tokens),
        positions: Int32Array.from(tokens, (_, t) => first + t),
        sequenceStarts: Int32Array.of(0, tokens.length),
        slots: Int32Array.of(0),
        ropeVariants: Int32Array.of(ropeVariant),
        pageTables: book.tables([0], [first], [position]),
        outputs: Int32Array.from({ length: wanted }, (_, r) => tokens.length - wanted + r),
        wantsLogits: true,
      });
      return logits;
    },
    async [Symbol.asyncDispose]() {
      await executable[Symbol.asyncDispose]();
      compiled[Symbol.dispose]();
    },
  };
}

function refuse(message: string): never {
  throw new Error(`a warning of a file that is as it should be: ${message}`);
}

async function load(
  device: WeightDevice,
  folder: string | Folder,
  file: string | undefined,
  warn: (message: string) => void,
) {
  const options = { warn, ...(file !== undefined && { file }) };
  await using checkpoint = await openCheckpoint(
    typeof folder === "string" ? await openFolder(folder) : folder,
    options,
  );
  const model: Model = createModel(checkpoint.config);
  return { model, compiled: await compileModel({ model, source: checkpoint, device }) };
}
