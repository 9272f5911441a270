import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import type { EmbeddedText } from "../formats/ggml/gguf-text.ts";
import type { Warn } from "../util/warn-once.ts";
import type { ModelLocation } from "./host.ts";
import { tokenizerFile } from "./load-tokenizer.ts";

/**
 * The text half of a model whose weights' file holds it; undefined: it lies in files of its own, for which no weights are needed. Throws
 * as openCheckpoint.
 */
export async function openEmbeddedText(
  { folder, file }: ModelLocation,
  { warn, signal }: { readonly warn: Warn; readonly signal?: AbortSignal | undefined },
): Promise<EmbeddedText | undefined> {
  const holdsText = (name: string): boolean => name.endsWith(".gguf") || name.endsWith(".bin");
  if (file !== undefined) {
    if (!holdsText(file)) return undefined;
  } else {
    const names = await folder.list();
    if (names.includes(tokenizerFile) || !names.some((name) => name.endsWith(".gguf"))) return undefined;
  }
  const options = { warn, ...(file !== undefined && { file }), ...(signal !== undefined && { signal }) };
  await using checkpoint = await openCheckpoint(folder, options);
  return checkpoint.embeddedText();
}
