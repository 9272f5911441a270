import type { AddedToken } from "./added-token.ts";
import type { Decoder } from "./decoders/decoder.ts";
import type { Model } from "./models/model.ts";
import type { Normalizer } from "./normalizers/normalizer.ts";
import type { PostProcessor } from "./post-processors/post-processor.ts";
import type { PreTokenizer } from "./pre-tokenizers/pre-tokenizer.ts";

/**
 * A tokenizer as data, checked: what tokenizer.json says, in the order in which text goes through it. Containers that spell a tokenizer
 * otherwise (a GGUF's metadata) are brought into this form.
 */
export interface TokenizerData {
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Normalizer | undefined;
  readonly preTokenizer: PreTokenizer | undefined;
  readonly model: Model;
  readonly postProcessor: PostProcessor | undefined;
  readonly decoder: Decoder | undefined;
}
