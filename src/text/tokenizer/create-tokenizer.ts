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
  return usable(() => {
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
  });
}

/** The library trusts its file: whatever it throws, at once or when a part is first used, is the file's fault. */
function usable<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`tokenizer.json: its parts cannot be used: ${reason}`, { cause });
  }
}

function longestToken({ model: { vocab }, addedTokens }: TokenizerDefinition): number {
  let longest = 1;
  const see = (token: string): unknown => (longest = Math.max(longest, token.length));
  if (Array.isArray(vocab)) for (const [token] of vocab as readonly (readonly [string, number])[]) see(token);
  else for (const token of Object.keys(vocab)) see(token);
  for (const { content } of addedTokens) see(content);
  return longest;
}

class WrappedTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly longestToken: number;
  readonly #library: LibraryTokenizer;
  readonly #special: ReadonlySet<number>;

  constructor(library: LibraryTokenizer, definition: TokenizerDefinition) {
    const { addedTokens, vocabSize } = definition;
    this.vocabSize = vocabSize;
    this.longestToken = longestToken(definition);
    this.#library = library;
    this.#special = new Set(addedTokens.filter(({ special }) => special).map(({ id }) => id));
  }

  encode(text: string, { addSpecial = true }: EncodeOptions = {}): number[] {
    const { ids } = usable(() => this.#library.encode(text, { add_special_tokens: addSpecial }));
    // A character that the vocabulary lacks is undefined where there is no unknown token; the reference drops it.
    return ids.filter((id) => id !== undefined);
  }

  decode(ids: readonly number[], { skipSpecial = false }: DecodeOptions = {}): string {
    const known = ids.filter((id) => this.token(id) !== undefined && !(skipSpecial && this.#special.has(id)));
    // The library refuses an empty list.
    if (known.length === 0) return "";
    return usable(() => this.#library.decode(known, { clean_up_tokenization_spaces: false }));
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
