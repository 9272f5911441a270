import { checkRead, destination, type ByteSource, type ReadOptions } from "../../io/byte-source.ts";
import { checkFileName, type Folder } from "../../io/folder.ts";
import { openMemory } from "../../io/memory-source.ts";
import { IoError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { fillFromPattern, type Pattern } from "./pattern.ts";
import { shapes, type ShapeName } from "./shapes.ts";
import { syntheticTensors, type SyntheticFormat, type SyntheticTensor } from "./synthetic-tensors.ts";

const weightsName = "model.safetensors";

/**
 * A checkpoint with random weights at a real model's shape, for timing: its text means nothing. No file is needed; the bytes of the weights
 * are made where they are read.
 */
export function openSyntheticFolder(name: ShapeName, format: SyntheticFormat): Folder {
  const shape = shapes[name];
  const { bits, groupSize, asym, actOrder } = format;
  const quantization = { quant_method: "gptq", bits, group_size: groupSize, sym: !asym, desc_act: actOrder };
  const config = {
    ...shape,
    hidden_act: "silu",
    torch_dtype: "float16",
    ...(format.format === "gptq" && { quantization_config: { ...quantization, checkpoint_format: "gptq" } }),
  };
  const label = `synthetic ${name}`;
  return {
    label,
    list: async () => ["config.json", weightsName],
    open: async (file): Promise<ByteSource> => {
      checkFileName(file, label);
      if (file === "config.json")
        return openMemory(new TextEncoder().encode(JSON.stringify(config)), `${label}/${file}`);
      if (file === weightsName)
        return new SyntheticSafetensors([...syntheticTensors(shape, format)], `${label}/${file}`);
      throw new IoError(`${label}: has no file ${quote(file)}`);
    },
  };
}

const valueBytes = { F16: 2, I32: 4 } as const;

/** A stretch of the file: the header, or a tensor. */
interface Stretch {
  readonly begin: number;
  readonly end: number;
  readonly pattern: Pattern;
}

class SyntheticSafetensors implements ByteSource {
  readonly size: number;
  readonly label: string;
  readonly #stretches: readonly Stretch[];

  constructor(tensors: readonly SyntheticTensor[], label: string) {
    const header: Record<string, object> = {};
    const stretches: Stretch[] = [];
    let end = 0;
    for (const { name, dtype, shape, pattern } of tensors) {
      const begin = end;
      end += shape.reduce((product, size) => product * size, valueBytes[dtype]);
      header[name] = { dtype, shape, data_offsets: [begin, end] };
      stretches.push({ begin, end, pattern });
    }
    const text = new TextEncoder().encode(JSON.stringify(header));
    const head = new Uint8Array(8 + text.length);
    new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true);
    head.set(text, 8);
    const moved = stretches.map((each) => ({ ...each, begin: each.begin + head.length, end: each.end + head.length }));
    this.#stretches = [{ begin: 0, end: head.length, pattern: head }, ...moved];
    this.size = end + head.length;
    this.label = label;
  }

  async read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array> {
    checkRead(this, offset, length, options);
    const out = destination(length, options?.into, this.label);
    for (const { begin, end, pattern } of this.#stretches) {
      const from = Math.max(begin, offset);
      const to = Math.min(end, offset + length);
      if (from < to) fillFromPattern(out.subarray(from - offset, to - offset), pattern, from - begin);
    }
    return out;
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
