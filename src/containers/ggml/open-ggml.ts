import type { ByteSource } from "../../io/byte-source.ts";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { RawTensor } from "../raw-tensor.ts";
import { StoredTensor } from "../stored-tensor.ts";
import { ggmlByteLength } from "./block-bytes.ts";
import { ggmlTypeOf, whyNoGgmlType, type GgmlType } from "./ggml-type.ts";

/** A LLaMA as llama.cpp kept it until August 2023, before GGUF: ggml, ggmf, or ggjt of version 1 to 3. */
export interface GgmlFile extends AsyncDisposable {
  readonly label: string;
  readonly header: GgmlHeader;
  /** A token's bytes, which need not be whole characters, and its score, 0 in files that have none. */
  readonly tokens: readonly GgmlToken[];
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, RawTensor<GgmlType>>;
  /** Closes the source; the tensors cannot be read afterwards. */
  close(): Promise<void>;
}

export interface GgmlHeader {
  readonly vocabSize: number;
  readonly embeddingLength: number;
  readonly heads: number;
  readonly layers: number;
  readonly rotaryDim: number;
  readonly fileType: number;
}

export interface GgmlToken {
  readonly bytes: Uint8Array;
  readonly score: number;
}

interface Variant {
  readonly name: string;
  /** Type names of the time, for ids whose blocks have changed since. */
  readonly era: "V1" | "V2" | "today";
  readonly hasScores: boolean;
  /** Tensors begin at multiples of 32 bytes. */
  readonly isAligned: boolean;
}

const magics = { ggml: 0x67676d6c, ggmf: 0x67676d66, ggjt: 0x67676a74 };

/** What a reader of the time would have had in memory at once. */
const maxTokens = 2 ** 20;
const maxTensors = 2 ** 16;
const maxNameLength = 256;
/** Bytes read at a time: of the vocabulary, and of what stands before a tensor's data. */
const vocabularyChunk = 2 ** 20;
const tensorHeaderChunk = 512;

/**
 * Opens such a file. The tensors follow each other with their headers between them, so that opening is a walk over the file, one small
 * read a tensor. Takes the source: closing the result closes it, and so does an error here. Throws FormatError for a malformed file,
 * UnsupportedError for a version or a type that is not known, and for a pickle, which has the same ending.
 * Source: llama.cpp at commit 2d5db48 (version 3) and its ancestors, `llama_file_loader`.
 */
export async function openGgml(source: ByteSource, options: { readonly signal?: AbortSignal } = {}): Promise<GgmlFile> {
  try {
    const reader = new Reader(source, options.signal);
    const variant = await readVariant(reader);
    const header = await readHeader(reader);
    const tokens = await readTokens(reader, header.vocabSize, variant);
    const tensors = await readTensors(reader, variant);
    const close = (): Promise<void> => source.close();
    return { label: source.label, header, tokens, tensors, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function readVariant(reader: Reader): Promise<Variant> {
  const magic = await reader.u32("the magic number");
  if (magic === magics.ggml) return { name: "ggml", era: "V1", hasScores: false, isAligned: false };
  if (magic === magics.ggmf || magic === magics.ggjt) {
    const name = magic === magics.ggmf ? "ggmf" : "ggjt";
    const version = await reader.u32("the version");
    const eras = magic === magics.ggmf ? (["V1"] as const) : (["V1", "V2", "today"] as const);
    const era = eras[version - 1];
    if (era === undefined) {
      throw new UnsupportedError(
        `${reader.label}: ${name} version ${version}; versions 1 to ${eras.length} can be read`,
      );
    }
    return { name: `${name} ${version}`, era, hasScores: true, isAligned: magic === magics.ggjt };
  }
  const bytes = [0, 8, 16, 24].map((shift) => (magic >>> shift) & 0xff);
  // A zip archive, or the PROTO opcode.
  if ((bytes[0] === 0x50 && bytes[1] === 0x4b) || bytes[0] === 0x80) {
    throw new UnsupportedError(
      `${reader.label}: is a pickle, which can run any code when it is opened; convert it to safetensors`,
    );
  }
  throw new FormatError(`${reader.label}: begins with none of the marks ggml, ggmf and ggjt; it is no model of ggml`);
}

async function readHeader(reader: Reader): Promise<GgmlHeader> {
  const field = (name: string): Promise<number> => reader.u32(name);
  const vocabSize = await field("n_vocab");
  const embeddingLength = await field("n_embd");
  await field("n_mult"); // of the feed-forward length, which the tensors tell
  const heads = await field("n_head");
  const layers = await field("n_layer");
  const rotaryDim = await field("n_rot");
  return { vocabSize, embeddingLength, heads, layers, rotaryDim, fileType: await field("ftype") };
}

async function readTokens(reader: Reader, count: number, { hasScores }: Variant): Promise<readonly GgmlToken[]> {
  const least = hasScores ? 8 : 4;
  if (count > maxTokens || count * least > reader.remaining) {
    reader.fail(
      `n_vocab is ${count}, but only ${reader.remaining} bytes follow, and at most ${maxTokens} tokens are read`,
    );
  }
  const tokens: GgmlToken[] = [];
  for (let i = 0; i < count; i++) {
    const length = await reader.u32(`the length of token ${i}`);
    const bytes = await reader.bytes(length, `token ${i}`);
    tokens.push({ bytes, score: hasScores ? await reader.f32(`the score of token ${i}`) : 0 });
  }
  return tokens;
}

async function readTensors(reader: Reader, variant: Variant): Promise<Map<string, RawTensor<GgmlType>>> {
  const tensors = new Map<string, RawTensor<GgmlType>>();
  reader.chunkBytes = tensorHeaderChunk;
  while (reader.remaining > 0) {
    if (tensors.size === maxTensors) reader.fail(`there are more than ${maxTensors} tensors`);
    const rank = await reader.u32("a tensor's rank");
    const nameLength = await reader.u32("the length of a tensor's name");
    const typeId = await reader.u32("a tensor's type");
    if (rank > 4) reader.fail(`a tensor has ${rank} dimensions; at most 4 are read`);
    if (nameLength > maxNameLength)
      reader.fail(`a tensor's name has ${nameLength} bytes; at most ${maxNameLength} are read`);
    const shape: number[] = [];
    for (let i = 0; i < rank; i++) shape.unshift(await reader.u32("a dimension"));
    const name = reader.text(await reader.bytes(nameLength, "a tensor's name"));
    const where = `tensor ${quote(name)}`;
    if (tensors.has(name)) reader.fail(`${where} is there twice`);
    if (shape.includes(0)) reader.fail(`${where} has the dimensions [${shape.join(", ")}]; none may be 0`);
    const dtype = typeOfEra(typeId, variant.era);
    if (dtype === undefined) {
      throw new UnsupportedError(`${reader.label}: ${where} has the type ${whyNoGgmlType(typeId)} in ${variant.name}`);
    }
    const byteLength = ggmlByteLength(dtype, shape);
    if (typeof byteLength === "object") reader.fail(`${where}: ${byteLength.problem}`);
    if (variant.isAligned) reader.skip((32 - (reader.position % 32)) % 32, `the padding of ${where}`);
    const offset = reader.position;
    reader.skip(byteLength, where);
    tensors.set(name, new StoredTensor({ name, dtype, shape, offset, byteLength }, reader.source));
  }
  return tensors;
}

function typeOfEra(id: number, era: Variant["era"]): GgmlType | undefined {
  const today = ggmlTypeOf(id);
  if (era === "today" || today === undefined) return today;
  if (today === "F32" || today === "F16") return today;
  // Version 2 had today's Q5_0 and Q5_1 already; Q8_0 was the same in both. Nothing else existed.
  const names: Readonly<Record<string, GgmlType>> =
    era === "V1"
      ? { Q4_0: "Q4_0_V1", Q4_1: "Q4_1_V1", Q5_0: "Q5_0_V1", Q5_1: "Q5_1_V1", Q8_0: "Q8_0_V2" }
      : { Q4_0: "Q4_0_V2", Q4_1: "Q4_1_V2", Q5_0: "Q5_0", Q5_1: "Q5_1", Q8_0: "Q8_0_V2" };
  return Object.hasOwn(names, today) ? names[today] : undefined;
}

/** Reads a file from front to back, a chunk at a time; every length is compared with what is left first. */
class Reader {
  readonly source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  #chunk = new Uint8Array(0);
  #chunkStart = 0;
  position = 0;
  chunkBytes = vocabularyChunk;

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.source = source;
    this.#signal = signal;
  }

  get label(): string {
    return this.source.label;
  }

  get remaining(): number {
    return this.source.size - this.position;
  }

  fail(problem: string): never {
    throw new FormatError(`${this.label}: ${problem}`);
  }

  skip(length: number, what: string): void {
    if (length > this.remaining) {
      this.fail(`${what} needs ${length} bytes at offset ${this.position}, ${this.remaining} remain; it is truncated`);
    }
    this.position += length;
  }

  /** A copy. */
  async bytes(length: number, what: string): Promise<Uint8Array> {
    const start = this.position;
    this.skip(length, what);
    if (start < this.#chunkStart || this.position > this.#chunkStart + this.#chunk.byteLength) {
      const wanted = Math.min(this.source.size - start, Math.max(length, this.chunkBytes));
      this.#chunk = new Uint8Array(await this.source.read(start, wanted, this.#signal && { signal: this.#signal }));
      this.#chunkStart = start;
    }
    return this.#chunk.slice(start - this.#chunkStart, this.position - this.#chunkStart);
  }

  async u32(what: string): Promise<number> {
    return viewOf(await this.bytes(4, what)).getUint32(0, true);
  }

  async f32(what: string): Promise<number> {
    return viewOf(await this.bytes(4, what)).getFloat32(0, true);
  }

  text(bytes: Uint8Array): string {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return this.fail("a tensor's name is not valid UTF-8");
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
