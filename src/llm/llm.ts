import { greedySampling } from "../device/sampling.ts";
import { answerRoom } from "../engine/answer-room.ts";
import type { Engine, EngineDevice, EngineHealth, EngineStats, GenerationRequest } from "../engine/engine.ts";
import { validateRequest } from "../engine/validate-request.ts";
import { GrammarCache } from "../text/grammar/grammar-cache.ts";
import type { ChatMessage } from "../text/chat-message.ts";
import type { DecodeOptions, EncodeOptions, Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { throwIfAborted } from "../util/abort.ts";
import { OverloadedError, RequestError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { answerGrammar } from "./answer-grammar.ts";
import {
  checkChat,
  checkEmbedOptions,
  checkGenerateOptions,
  checkIds,
  checkPrompt,
  checkText,
  signalOf,
} from "./check-options.ts";
import { finishEmbedding, type Embedding, type EmbedOptions } from "./embedding.ts";
import type { ModelPooling } from "./load-pooling.ts";
import { conversationOf, samplingParameters, stopStrings } from "./generation-options.ts";
import type { ChatOptions, GenerateOptions, TemplateOptions } from "./generation-options.ts";
import { Generation, type GenerationJob } from "./generation.ts";
import { cutBehindLastMessage } from "./cut-behind-last-message.ts";
import type { AnswerParserOptions } from "../text/tool-calls/answer-parser.ts";
import { RequestTotals } from "./request-totals.ts";
import { ChatAnswer } from "./tools/chat-answer.ts";
import { planTurn } from "./tools/plan-turn.ts";
import type { RespondOptions } from "./tools/tool-options.ts";
import { ChatRenderer, type ModelText } from "./model-text.ts";
import type { RequestLimits } from "./request-limits.ts";
import type { SamplingChoices } from "./sampling-defaults.ts";

/** What is known of a loaded model. */
export interface LLMInfo {
  /** Path or URL of the model's folder. */
  readonly model: string;
  /** "LlamaForCausalLM". */
  readonly architecture: string;
  /** How its weights are packed: "gptq", "dense". */
  readonly format: string;
  readonly vocabSize: number;
  /** Positions of one sequence, prompt and answer together. */
  readonly contextLength: number;
  /** Positions that all requests together may hold. */
  readonly cachePositions: number;
  readonly device: EngineDevice;
  /** The tokens that end an answer. */
  readonly endOfTurnIds: readonly number[];
  /** From the call of load until the model was ready. */
  readonly loadMs: number;
}

/** What an LLM is made of. */
export interface LLMParts {
  readonly info: LLMInfo;
  /** Taken: disposed with the LLM. */
  readonly engine: Engine;
  readonly text: ModelText;
  readonly samplingDefaults: SamplingChoices;
  /** How it makes embeddings; default "last". */
  readonly pooling?: ModelPooling;
  readonly limits?: RequestLimits;
  /** Absent: it has its own. */
  readonly grammars?: GrammarCache;
}

/**
 * A loaded model: text in, text out. Any number of answers may be under way at once; they are computed together.
 * Close it when done, or hold it with `await using`.
 */
export class LLM implements AsyncDisposable {
  readonly info: LLMInfo;
  /** What it has answered, embeddings aside. */
  readonly totals = new RequestTotals();
  readonly #engine: Engine;
  readonly #text: ModelText;
  readonly #renderer: ChatRenderer;
  readonly #samplingDefaults: SamplingChoices;
  readonly #pooling: ModelPooling;
  /** Of answers that have begun, and are not with the engine yet. */
  readonly #preparing = new Set<Promise<GenerationJob>>();
  readonly #limits: RequestLimits;
  readonly #grammars: GrammarCache;
  /** Of answers and embeddings under way. */
  readonly #active = new Set<Promise<unknown>>();
  #isDraining = false;

  constructor({ info, engine, text, samplingDefaults, pooling = "last", limits = {}, grammars }: LLMParts) {
    this.info = info;
    this.#engine = engine;
    this.#text = text;
    this.#renderer = new ChatRenderer(text);
    this.#samplingDefaults = samplingDefaults;
    this.#pooling = pooling;
    this.#limits = limits;
    this.#grammars = grammars ?? new GrammarCache();
  }

  /** Undefined: the model has none, and runs on token ids only. */
  get tokenizer(): Tokenizer | undefined {
    return this.#text.tokenizer;
  }

  /** Whether `chat` has a template to go by; without one, `generate` continues a prompt. */
  get hasChatTemplate(): boolean {
    return this.#text.templates !== undefined;
  }

  /** The source of that template. */
  get chatTemplate(): string | undefined {
    return this.#text.templates?.chat;
  }

  /**
   * Answers a conversation, or a single message of the user's, by the model's chat template. For the next turn, add the answer and the
   * next message and ask again: what the model has read and said before is not computed again (`EngineOptions.prefixReuse`).
   */
  chat(messages: string | readonly ChatMessage[], options: ChatOptions = {}): Generation {
    return this.#start(options, async () => {
      const prompt = await this.applyTemplate(messages, options);
      // The template has put the special tokens in.
      return { promptIds: this.#encode(prompt, false), options };
    });
  }

  /**
   * Answers as `chat`, and tells calls of tools and reasoning from the text, in the form that the model was trained for as far as its chat
   * template says; a model whose template knows of no tools is told of them in the system message.
   */
  respond(messages: string | readonly ChatMessage[], options: RespondOptions = {}): ChatAnswer {
    let parserOptions: AnswerParserOptions = {};
    const generation = this.#start(options, async () => {
      const { turn, prompt } = await this.#plan(messages, options);
      parserOptions = turn.parserOptions(prompt);
      const grammar = turn.grammar(prompt);
      return {
        promptIds: this.#encode(prompt, false),
        options: grammar === undefined ? turn.options : { ...turn.options, grammar },
      };
    });
    return new ChatAnswer(generation, () => parserOptions);
  }

  /** The text that `respond` would have the model continue. Throws as applyTemplate. */
  async promptOf(messages: string | readonly ChatMessage[], options: RespondOptions = {}): Promise<string> {
    return (await this.#plan(messages, options)).prompt;
  }

  /** Continues a text, or token ids, as they are. */
  generate(prompt: string | readonly number[], options: GenerateOptions = {}): Generation {
    return this.#start(options, () => {
      checkPrompt(prompt);
      return { promptIds: typeof prompt === "string" ? this.#encode(prompt, true) : prompt, options };
    });
  }

  /**
   * The embedding of a text, or of token ids. Throws RequestError for a prompt that is too long or empty, UnsupportedError where the model
   * wants a pooling that there is none of, AbortedError.
   */
  async embed(input: string | readonly number[], options: EmbedOptions = {}): Promise<Embedding> {
    checkEmbedOptions(options);
    checkPrompt(input);
    const { pooling = this.#pooling, signal, cacheSalt } = options;
    const { timeoutMs, queueTimeoutMs } = this.#limits;
    if (typeof pooling === "object")
      throw new UnsupportedError(
        `1_Pooling/config.json says ${quote(pooling.unsupported)}; last token and mean are supported, and can be asked for (pooling)`,
      );
    const promptIds = typeof input === "string" ? this.#encode(input, true) : input;
    const request: GenerationRequest = {
      ...{ promptIds, pooling, maxTokens: 1, stopIds: [], sampling: greedySampling },
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(queueTimeoutMs !== undefined && { queueTimeoutMs }),
      ...(cacheSalt !== undefined && { cacheSalt }),
    };
    this.#checkLoad();
    const values = this.#pooled(request, signal);
    this.#count(values);
    return { values: finishEmbedding(await values, options), promptTokens: promptIds.length };
  }

  async #pooled(request: GenerationRequest, signal: AbortSignal | undefined): Promise<Float32Array> {
    for await (const event of this.#engine.generate(request, signal))
      if (event.type === "embedding") return event.values;
    throwIfAborted(signal, "computing an embedding");
    throw new Error("the engine ended a request for an embedding without one");
  }

  /**
   * The text that `chat` would have the model continue. Throws RequestError where the template refuses the conversation, FormatError where
   * it is malformed.
   */
  async applyTemplate(messages: string | readonly ChatMessage[], options: TemplateOptions = {}): Promise<string> {
    checkChat(messages, options);
    const { system, tools, templateVariables, now, continueFinalMessage = false } = options;
    const { addGenerationPrompt = continueFinalMessage ? false : undefined } = options;
    const template = this.#renderer.template(tools !== undefined);
    const conversation = conversationOf(messages, system);
    const text = template.render({
      messages: conversation,
      ...(tools !== undefined && { tools }),
      ...(addGenerationPrompt !== undefined && { addGenerationPrompt }),
      ...(templateVariables !== undefined && { extra: templateVariables }),
      ...(now !== undefined && { now }),
    });
    return continueFinalMessage ? cutBehindLastMessage(text, conversation) : text;
  }

  /**
   * How many tokens a prompt has: a text as `generate` takes it, or a conversation as `respond` does, template, tools and all. Throws
   * RequestError as these would, but not for the length.
   */
  async countTokens(prompt: string | readonly ChatMessage[], options: RespondOptions = {}): Promise<number> {
    if (typeof prompt === "string") return this.tokenize(prompt).length;
    return this.tokenize(await this.promptOf(prompt, options), { addSpecial: false }).length;
  }

  /**
   * A text's token ids. `addSpecial` (default true) puts around it what the tokenizer puts around texts, a begin token, say; off for
   * what `applyTemplate` has made. Throws RequestError for a model without a tokenizer.
   */
  tokenize(text: string, options: EncodeOptions = {}): number[] {
    checkText(text);
    return this.#requireTokenizer().encode(text, options);
  }

  /** The text of token ids; with `skipSpecial` (default false) without special tokens. Throws RequestError for a model without a tokenizer. */
  detokenize(ids: readonly number[], options: DecodeOptions = {}): string {
    checkIds(ids);
    return this.#requireTokenizer().decode(Array.from(ids), options);
  }

  /** Whether answers can be had: while the engine starts again after a crash they wait, when it has failed they fail. */
  get health(): EngineHealth {
    return this.#engine.health;
  }

  /** What the engine is doing. */
  stats(): Promise<EngineStats> {
    return this.#engine.stats();
  }

  /**
   * Runs a few tokens, so that what the first request would wait for is done: kernels are compiled, memory is touched. Leaves nothing in
   * the cache. Throws what an answer would.
   */
  async warmUp(): Promise<void> {
    // Less than a page, which is the least that is kept.
    const promptIds = Array<number>(Math.min(8, this.info.contextLength - 1)).fill(0);
    if (promptIds.length > 0) await this.generate(promptIds, { maxTokens: 2, temperature: 0, ignoreEos: true }).result;
  }

  /** Takes no more requests, which fail with OverloadedError, and settles when the answers that are under way are finished. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#active.size > 0) await Promise.allSettled(this.#active);
  }

  /** Ends all answers as cancelled and frees everything. May be called more than once. */
  async close(): Promise<void> {
    // The engine has not heard of these; a generation, which waits for its job as well and did so before, submits it first.
    await Promise.allSettled(this.#preparing);
    await this.#engine[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #plan(messages: string | readonly ChatMessage[], options: RespondOptions) {
    checkChat(messages, options);
    const { system, ...rest } = options;
    const turn = planTurn(conversationOf(messages, system), rest, {
      templateOf: (withTools) => this.#renderer.source(withTools),
      isSpecial: (text) => specialTokensOf([text], this.tokenizer).size > 0,
    });
    return { turn, prompt: await this.applyTemplate(turn.messages, turn.options) };
  }

  /** `prepare` makes the prompt, and the options that go with it. */
  #start(options: GenerateOptions, prepare: () => Promise<Prepared> | Prepared): Generation {
    const generation = new Generation(() => {
      const job = (async () => {
        this.#checkLoad();
        checkGenerateOptions(options);
        const prepared = await prepare();
        return this.#job(prepared.promptIds, prepared.options);
      })();
      this.#preparing.add(job);
      const settled = (): unknown => this.#preparing.delete(job);
      job.then(settled, settled);
      return job;
    }, signalOf(options));
    this.#count(generation.result);
    generation.result.then(
      ({ finishReason, usage, timings }) => this.totals.add(finishReason, usage, timings),
      () => this.totals.failed++,
    );
    return generation;
  }

  #count(work: Promise<unknown>): void {
    this.#active.add(work);
    const ended = (): unknown => this.#active.delete(work);
    work.then(ended, ended);
  }

  /** Throws OverloadedError where one more answer would be too many. */
  #checkLoad(): void {
    const { maxRequests = Infinity } = this.#limits;
    if (this.#isDraining) throw new OverloadedError("the model is being unloaded, and takes no more requests");
    if (this.#active.size >= maxRequests)
      throw new OverloadedError(`${this.#active.size} answers are under way or waiting, and no more are taken`);
  }

  #requireTokenizer(): Tokenizer {
    if (this.tokenizer === undefined)
      throw new RequestError("the model has no tokenizer.json, which texts need: give token ids");
    return this.tokenizer;
  }

  #encode(text: string, addSpecial: boolean): readonly number[] {
    const tokenizer = this.#requireTokenizer();
    const { contextLength } = this.info;
    // Before it is tokenized, which takes its time and memory for a text of megabytes.
    if (text.length > contextLength * tokenizer.longestToken)
      throw new RequestError(
        `the prompt has ${text.length} characters, more than the context of ${contextLength} tokens can hold: ` +
          "shorten the prompt, or load the model with a larger context (contextLength, --ctx-size) if it was trained for one",
        { option: "promptIds" },
      );
    return tokenizer.encode(text, { addSpecial });
  }

  async #job(promptIds: readonly number[], options: GenerateOptions): Promise<GenerationJob> {
    const {
      maxTokens = this.info.contextLength,
      minTokens,
      ignoreEos = false,
      skipSpecial = true,
      keepSpecial = [],
      cacheSalt,
    } = options;
    const { logprobs = options.topLogprobs !== undefined, topLogprobs, stopIds = [] } = options;
    const { priority, timeoutMs = this.#limits.timeoutMs, queueTimeoutMs = this.#limits.queueTimeoutMs } = options;
    const stops = stopStrings(options);
    const { tokenizer } = this;
    if (stops.length > 0 && tokenizer === undefined) {
      throw new RequestError("stop needs text, and the model has no tokenizer.json", { option: "stop" });
    }
    const keptSpecial = skipSpecial ? specialTokensOf(keepSpecial, tokenizer) : new Map<number, string>();
    const stopTokens = specialTokensOf(stops, tokenizer);
    const grammar = await answerGrammar(options, this.#grammars);
    if (grammar !== undefined && tokenizer === undefined)
      throw new RequestError("an answer can be held to a form only as text, and the model has no tokenizer.json");
    const request: GenerationRequest = {
      promptIds,
      maxTokens,
      // The caller's come first: an error names them by their place.
      stopIds: [...stopIds, ...(ignoreEos ? [] : this.info.endOfTurnIds), ...stopTokens.keys()],
      sampling: samplingParameters(options, this.#samplingDefaults),
      ...(topLogprobs !== undefined && { topLogprobs }),
      ...(cacheSalt !== undefined && { cacheSalt }),
      ...(minTokens !== undefined && { minTokens }),
      ...(priority !== undefined && { priority }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(queueTimeoutMs !== undefined && { queueTimeoutMs }),
      ...(grammar !== undefined && { grammar }),
    };
    // The engine does so too, maybe in another process: what is wrong is told before anything has begun.
    validateRequest(request, this.info.vocabSize);
    answerRoom(promptIds.length, this.info.contextLength);
    const { loadMs } = this.info;
    const onTokenGap = (ms: number): void => this.totals.interToken.add(ms / 1000);
    const texts = { tokenizer, stops, stopTokens, skipSpecial, keptSpecial };
    return { engine: this.#engine, ...texts, logprobs, loadMs, onTokenGap, request };
  }
}

interface Prepared {
  readonly promptIds: readonly number[];
  readonly options: GenerateOptions;
}

/** Those of the texts that are special tokens, by id. */
function specialTokensOf(texts: readonly string[], tokenizer: Tokenizer | undefined): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const text of texts) {
    const id = tokenizer?.tokenId(text);
    if (id !== undefined && tokenizer?.isSpecial(id)) found.set(id, text);
  }
  return found;
}
