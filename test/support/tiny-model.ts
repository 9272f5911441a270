import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openMemoryFolder } from "../../src/io/memory-folder.ts";
import type { Folder } from "../../src/io/folder.ts";
import { fixtures } from "./fixtures.ts";

const source = join(fixtures, "arch", "llama-tied");

interface Expected {
  readonly prompt_ids: readonly number[];
  readonly greedy_ids: readonly number[];
}

/** What transformers continues a prompt with; the smallest gap between the two best logits is far above any rounding. */
export const expected = JSON.parse(readFileSync(join(source, "expected.json"), "utf8")) as Expected;

/** Every id is one character, so that a text can be read back to ids. */
export const textOf = (ids: readonly number[]): string => ids.map((id) => String.fromCodePoint(0x4e00 + id)).join("");

export interface TinyModelOptions {
  /** Replaces what generation_config.json says. */
  readonly generationConfig?: object;
  /** Further special tokens, besides `<s>`: texts by id. */
  readonly special?: Readonly<Record<number, string>>;
  /** Files left out. */
  readonly without?: readonly string[];
}

/**
 * A Llama of 256 tokens and three layers with random weights, a tokenizer, and a chat template that puts `<s>` before the messages.
 * Small enough for the reference backend.
 */
export function tinyModel({ generationConfig, special = {}, without = [] }: TinyModelOptions = {}): Folder {
  const files = new Map<string, Uint8Array>();
  for (const name of ["config.json", "model.safetensors", "generation_config.json"]) {
    files.set(name, readFileSync(join(source, name)));
  }
  const set = (name: string, content: unknown): unknown =>
    files.set(name, new TextEncoder().encode(JSON.stringify(content)));
  if (generationConfig !== undefined) set("generation_config.json", generationConfig);
  set("tokenizer.json", tokenizer({ 1: "<s>", ...special }));
  set("tokenizer_config.json", {
    bos_token: "<s>",
    chat_template:
      "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}{% if tools %}{{ tools[0] }}{% endif %}" +
      "{% if dated %}{{ strftime_now('%Y-%m-%d') }}{% endif %}{% if not add_generation_prompt %}.{% endif %}",
  });
  for (const name of without) files.delete(name);
  return openMemoryFolder(files, "tiny model");
}

function tokenizer(special: Readonly<Record<number, string>>): unknown {
  const ids = Array.from({ length: 256 }, (_, id) => id);
  return {
    added_tokens: Object.entries(special).map(([id, content]) => ({ id: Number(id), content, special: true })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "Fuse" },
    model: { type: "BPE", vocab: Object.fromEntries(ids.map((id) => [special[id] ?? textOf([id]), id])), merges: [] },
  };
}
