import { FormatError } from "../../util/errors.ts";
import type { DecodeOptions, EncodeOptions, Tokenizer } from "./tokenizer.ts";
import type { TokenizerDefinition } from "./tokenizer-definition.ts";

/** What is used of @huggingface/tokenizers, whose own declarations do not resolve (they import without file extensions). */
interface LibraryTokenizer {
  encode(
    text: string,
    options: { readonly add_special_tokens: boolean },
  ): { readonly ids: readonly (number | undefined)[] };
  decode(ids: readonly number[], options: { readonly clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
}

interface Library {
  readonly Tokenizer: new (tokenizer: object, config: object) => LibraryTokenizer;
}

/**
 * Builds a tokenizer from its data. Takes the definition: the tokenizer keeps its tables.
 * Throws FormatError where the parts do not fit together.
 */
export async function createTokenizer(definition: TokenizerDefinition): Promise<Tokenizer> {
  const { Tokenizer } = (await import("@huggingface/tokenizers")) as unknown as Library;
  const { model, addedTokens, normalizer, preTokenizer, postProcessor, decoder } = definition;
  try {
    const library = new Tokenizer(
      {
        model,
        added_tokens: addedTokens,
        normalizer,
        pre_tokenizer: preTokenizer,
        post_processor: postProcessor,
        decoder,
      },
      // What tokenizer_config.json says about the pipeline is left out on purpose: tokenizer.json decides alone.
      { clean_up_tokenization_spaces: false },
    );
    return new WrappedTokenizer(library, definition);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`tokenizer.json: ${reason}`, { cause });
  }
}

class WrappedTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly #library: LibraryTokenizer;
  readonly #special: ReadonlySet<number>;

  constructor(library: LibraryTokenizer, { addedTokens, vocabSize }: TokenizerDefinition) {
    this.vocabSize = vocabSize;
    this.#library = library;
    this.#special = new Set(addedTokens.filter(({ special }) => special).map(({ id }) => id));
  }

  encode(text: string, { addSpecial = true }: EncodeOptions = {}): number[] {
    const { ids } = this.#library.encode(text, { add_special_tokens: addSpecial });
    // A character that the vocabulary lacks is undefined where there is no unknown token; the reference drops it.
    return ids.filter((id) => id !== undefined);
  }

  decode(ids: readonly number[], { skipSpecial = false }: DecodeOptions = {}): string {
    const known = ids.filter((id) => this.token(id) !== undefined && !(skipSpecial && this.#special.has(id)));
    // The library refuses an empty list.
    return known.length === 0 ? "" : this.#library.decode(known, { clean_up_tokenization_spaces: false });
  }

  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  tokenId(token: string): number | undefined {
    return this.#library.token_to_id(token);
  }

  token(id: number): string | undefined {
    return this.#library.id_to_token(id);
  }
}
