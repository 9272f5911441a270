import type { TokenBytes } from "../grammar/token-bytes.ts";
import type { StepBudget } from "../../util/step-budget.ts";
import type { AddedToken } from "./added-token.ts";
import { AddedTokenMatcher } from "./added-token-matcher.ts";
import { budgetFor } from "./budget.ts";
import type { TokenSink } from "./decoders/decoder-stage.ts";
import { createDecode } from "./decoders/decoder.ts";
import { createPieceEncoder } from "./models/model.ts";
import type { PieceEncoder } from "./models/piece-encoder.ts";
import { createNormalize, type Normalize } from "./normalizers/normalizer.ts";
import { PieceCache } from "./piece-cache.ts";
import { createPostProcess, type PostProcess } from "./post-processors/post-processor.ts";
import type { PreTokenize } from "./pre-tokenizers/pieces.ts";
import { createPreTokenize } from "./pre-tokenizers/pre-tokenizer.ts";
import type { TokenizerData } from "./tokenizer-data.ts";
import type { DecodeOptions, DecodeStream, EncodeOptions, Tokenizer } from "./tokenizer.ts";
import { tokenBytesOf } from "./token-bytes-of.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * Builds a tokenizer from its data, which it keeps. Throws FormatError or UnsupportedError for regular expressions and tables that
 * cannot be used.
 */
export function buildTokenizer(data: TokenizerData): Tokenizer {
  return new PipelineTokenizer(data);
}

class PipelineTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly longestToken: number;
  readonly #vocabulary: Vocabulary;
  readonly #addedById: ReadonlyMap<number, AddedToken>;
  readonly #addedByContent: ReadonlyMap<string, AddedToken>;
  /** By id: what tokens are that are looked for in normalized text. They are decoded from it, as if the model had written them. */
  readonly #normalizedContents: ReadonlyMap<number, string>;
  /** For tokens that are looked for as they are, and for those looked for in normalized text. */
  readonly #rawMatcher: AddedTokenMatcher;
  readonly #normalizedMatcher: AddedTokenMatcher;
  readonly #normalize: Normalize | undefined;
  readonly #preTokenize: PreTokenize | undefined;
  readonly #encoder: PieceEncoder;
  readonly #postProcess: PostProcess | undefined;
  readonly #decoder: TokenizerData["decoder"];
  readonly #makeStages: ReturnType<typeof createDecode>;

  constructor(data: TokenizerData) {
    const { addedTokens, normalizer, preTokenizer, model, postProcessor, decoder } = data;
    const normalize = normalizer && createNormalize(normalizer);
    this.#vocabulary = model.vocabulary;
    this.#normalize = normalize;
    this.#preTokenize = preTokenizer && createPreTokenize(preTokenizer);
    this.#encoder = new PieceCache(createPieceEncoder(model));
    this.#postProcess = postProcessor && createPostProcess(postProcessor);
    this.#decoder = decoder;
    this.#makeStages = createDecode(decoder);

    this.#addedById = new Map(addedTokens.map((token) => [token.id, token]));
    this.#addedByContent = new Map(addedTokens.map((token) => [token.content, token]));
    // Of tokens that are written alike special ones come first.
    const ordered = [...addedTokens].sort((a, b) => Number(b.special) - Number(a.special));
    this.#rawMatcher = new AddedTokenMatcher(
      ordered.filter(({ normalized }) => !normalized),
      ({ content }) => content,
    );
    const normalizedTokens = ordered.filter(({ normalized }) => normalized);
    this.#normalizedContents = new Map(
      normalize && normalizedTokens.map(({ id, content }) => [id, normalize(content, budgetFor(content))]),
    );
    this.#normalizedMatcher = new AddedTokenMatcher(
      normalizedTokens,
      ({ id, content }) => this.#normalizedContents.get(id) ?? content,
    );
    this.vocabSize = addedTokens.reduce((size, { id }) => Math.max(size, id + 1), model.vocabulary.size);
    this.longestToken = addedTokens.reduce(
      (longest, { content }) => Math.max(longest, content.length),
      Math.max(1, model.vocabulary.longestToken),
    );
  }

  encode(text: string, { addSpecial = true }: EncodeOptions = {}): number[] {
    const budget = budgetFor(text);
    // A surrogate without its half is no character; what writes UTF-8 makes it this one.
    const wellFormed = text.replace(/\p{Cs}/gu, "\uFFFD");
    const ids: number[] = [];
    let isBegin = true;
    for (const section of this.#rawMatcher.split(wellFormed, budget)) {
      if (typeof section === "string") this.#encodeSection(section, isBegin, ids, budget);
      else ids.push(section.id);
      isBegin = false;
    }
    return addSpecial && this.#postProcess !== undefined ? this.#postProcess(ids) : ids;
  }

  #encodeSection(text: string, isTextBegin: boolean, ids: number[], budget: StepBudget): void {
    const normalized = this.#normalize?.(text, budget) ?? text;
    let isBegin = isTextBegin;
    for (const section of this.#normalizedMatcher.split(normalized, budget)) {
      if (typeof section === "string") this.#encodeText(section, isBegin, ids, budget);
      else ids.push(section.id);
      isBegin = false;
    }
  }

  #encodeText(text: string, beginsText: boolean, ids: number[], budget: StepBudget): void {
    if (text === "") return;
    const whole = { texts: [text], beginsText };
    const { texts } = this.#preTokenize?.(whole, budget) ?? whole;
    for (const piece of texts) this.#encoder.encode(piece, ids, budget);
  }

  decode(ids: readonly number[], options?: DecodeOptions): string {
    const pipe = this.#openPipe(false, options);
    for (const id of ids) pipe.push(id);
    return pipe.finish();
  }

  decodeStream(options?: DecodeOptions): DecodeStream {
    const pipe = this.#openPipe(true, options);
    if (options?.continues === true) for (const id of this.encode("a", { addSpecial: false })) pipe.push(id);
    return pipe;
  }

  #openPipe(isStream: boolean, { skipSpecial = false }: DecodeOptions = {}): DecodeStream {
    const output = new Output();
    let first: TokenSink = output;
    for (const stage of [...this.#makeStages({ isStream })].reverse()) {
      stage.next = first;
      first = stage;
    }
    return {
      push: (id) => {
        if (skipSpecial && this.isSpecial(id)) return "";
        const token = this.#normalizedContents.get(id) ?? this.token(id);
        if (token === undefined) return "";
        first.write(token);
        first.end();
        return isStream ? output.take() : "";
      },
      finish: () => {
        first.finish();
        return output.take();
      },
    };
  }

  isSpecial(id: number): boolean {
    return this.#addedById.get(id)?.special ?? false;
  }

  tokenId(token: string): number | undefined {
    return this.#addedByContent.get(token)?.id ?? this.#vocabulary.idOf(token);
  }

  tokenBytes(): TokenBytes {
    return tokenBytesOf(this, this.#decoder);
  }

  token(id: number): string | undefined {
    return this.#addedById.get(id)?.content ?? this.#vocabulary.token(id);
  }
}

/** The end of a decoder's stages. */
class Output implements TokenSink {
  #text = "";

  write(part: string): void {
    this.#text += part;
  }

  end(): void {
    // Tokens are set together as they are.
  }

  finish(): void {
    // What is there is taken.
  }

  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
