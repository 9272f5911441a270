import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";

/** A tokenizer as data: the parts of tokenizer.json. Other containers of vocabularies are brought into this form. */
export interface TokenizerDefinition {
  readonly model: TokenizerModel;
  readonly addedTokens: readonly AddedToken[];
  /** One more than the highest id of both. */
  readonly vocabSize: number;
  readonly normalizer: Component | null;
  readonly preTokenizer: Component | null;
  readonly postProcessor: Component | null;
  readonly decoder: Component | null;
}

export interface Component {
  readonly type: string;
}

/** `vocab` is { token: id } for BPE and WordPiece, [[token, score], …] for Unigram. */
export interface TokenizerModel extends Component {
  readonly type: (typeof modelTypes)[number];
  readonly vocab: Readonly<Record<string, number>> | readonly (readonly [string, number])[];
}

/** Found in text before the model sees it. Keys as in tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly single_word: boolean;
}

const modelTypes = ["BPE", "Unigram", "WordPiece"] as const;

/** Sixteen times the largest vocabulary in use; ids index arrays. */
const maxVocabSize = 2 ** 22;

/** Reads a parsed tokenizer.json. Throws FormatError for what is malformed and UnsupportedError for an unknown model. */
export function parseTokenizerDefinition(json: unknown): TokenizerDefinition {
  const root = object(json, "the file");
  const { added_tokens: added = [] } = root;
  if (!Array.isArray(added)) throw malformed("added_tokens is not a list");
  if (added.length > maxVocabSize) throw malformed(`${added.length} added tokens, more than ${maxVocabSize}`);
  const { model, size } = parseModel(root.model);
  const addedTokens = added.map(parseAddedToken);
  return {
    model,
    addedTokens,
    vocabSize: addedTokens.reduce((most, { id }) => Math.max(most, id + 1), size),
    normalizer: component(root, "normalizer"),
    preTokenizer: component(root, "pre_tokenizer"),
    postProcessor: component(root, "post_processor"),
    decoder: component(root, "decoder"),
  };
}

function parseModel(value: unknown): { readonly model: TokenizerModel; readonly size: number } {
  const model = object(value, "model");
  const { type = guessType(model), vocab } = model;
  if (!modelTypes.some((known) => known === type)) {
    throw new UnsupportedError(
      `tokenizer.json: model type ${quote(String(type))}; supported are ${modelTypes.join(", ")}`,
    );
  }
  const size = type === "Unigram" ? checkScores(vocab) : checkIds(vocab);
  if (type === "BPE") checkMerges(model.merges);
  return { model: { ...model, type, vocab } as TokenizerModel, size };
}

/** Files from before tokenizers 0.9 name no type. */
function guessType(model: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(model.vocab)) return "Unigram";
  return model.merges === undefined ? "WordPiece" : "BPE";
}

/** Returns one more than the highest id. */
function checkIds(vocab: unknown): number {
  const entries = Object.values(object(vocab, "model.vocab"));
  if (entries.length > maxVocabSize) throw malformed(`${entries.length} tokens, more than ${maxVocabSize}`);
  let size = 0;
  for (const id of entries) size = Math.max(size, checkId(id, "model.vocab") + 1);
  return size;
}

/** Returns how many there are; a token's id is its place. */
function checkScores(vocab: unknown): number {
  const isEntry = (entry: unknown): boolean =>
    Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number";
  if (!Array.isArray(vocab) || !vocab.every(isEntry)) throw malformed("model.vocab is not a list of [token, score]");
  if (vocab.length > maxVocabSize) throw malformed(`${vocab.length} tokens, more than ${maxVocabSize}`);
  return vocab.length;
}

/** "a b", or ["a", "b"] since tokenizers 0.20; one kind throughout. */
function checkMerges(merges: unknown): void {
  const isPair = (merge: unknown): boolean =>
    Array.isArray(merge) && merge.length === 2 && typeof merge[0] === "string" && typeof merge[1] === "string";
  const isMerge =
    Array.isArray(merges) && Array.isArray(merges[0]) ? isPair : (merge: unknown) => typeof merge === "string";
  if (!Array.isArray(merges) || !merges.every(isMerge)) {
    throw malformed('model.merges is neither a list of "a b" nor a list of ["a", "b"]');
  }
}

function parseAddedToken(value: unknown, index: number): AddedToken {
  const where = `added_tokens[${index}]`;
  const token = object(value, where);
  const { content, id } = token;
  if (typeof content !== "string" || content === "") throw malformed(`${where}.content is not a text`);
  const flag = (name: string): boolean => token[name] === true;
  return {
    id: checkId(id, `${where}.id`),
    content,
    special: flag("special"),
    normalized: flag("normalized"),
    lstrip: flag("lstrip"),
    rstrip: flag("rstrip"),
    single_word: flag("single_word"),
  };
}

function checkId(id: unknown, where: string): number {
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= maxVocabSize) {
    throw malformed(`${where} holds ${JSON.stringify(id)}; an id is an integer from 0 to ${maxVocabSize - 1}`);
  }
  return id as number;
}

function component(root: Readonly<Record<string, unknown>>, name: string): Component | null {
  const value = root[name] ?? null;
  if (value === null) return null;
  const parsed = object(value, name);
  if (typeof parsed.type !== "string") throw malformed(`${name} has no type`);
  return parsed as unknown as Component;
}

function object(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`${where} is not an object`);
  return value as Readonly<Record<string, unknown>>;
}

function malformed(what: string): FormatError {
  return new FormatError(`tokenizer.json: ${what}`);
}
