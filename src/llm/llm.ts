import type { Engine, EngineDevice, EngineStats } from "../engine/engine.ts";
import type { ChatMessage } from "../text/chat-message.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { RequestError } from "../util/errors.ts";
import { conversationOf, samplingParameters, stopStrings } from "./generation-options.ts";
import type { ChatOptions, GenerateOptions } from "./generation-options.ts";
import { Generation, type GenerationJob } from "./generation.ts";
import { ChatRenderer, type ModelText } from "./model-text.ts";
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
}

/**
 * A loaded model: text in, text out. Any number of answers may be under way at once; they are computed together.
 * Close it when done, or hold it with `await using`.
 */
export class LLM implements AsyncDisposable {
  readonly info: LLMInfo;
  readonly #engine: Engine;
  readonly #text: ModelText;
  readonly #renderer: ChatRenderer;
  readonly #samplingDefaults: SamplingChoices;

  constructor({ info, engine, text, samplingDefaults }: LLMParts) {
    this.info = info;
    this.#engine = engine;
    this.#text = text;
    this.#renderer = new ChatRenderer(text);
    this.#samplingDefaults = samplingDefaults;
  }

  /** Undefined: the model has none, and runs on token ids only. */
  get tokenizer(): Tokenizer | undefined {
    return this.#text.tokenizer;
  }

  /** Whether `chat` has a template to go by; without one, `generate` continues a prompt. */
  get hasChatTemplate(): boolean {
    return this.#text.templates !== undefined;
  }

  /** Answers a conversation, or a single message of the user's, by the model's chat template. */
  chat(messages: string | readonly ChatMessage[], options: ChatOptions = {}): Generation {
    return new Generation(async () => {
      const prompt = await this.renderChat(messages, options);
      // The template has put the special tokens in.
      return this.#job(this.#encode(prompt, false), options);
    }, options.signal);
  }

  /** Continues a text, or token ids, as they are. */
  generate(prompt: string | readonly number[], options: GenerateOptions = {}): Generation {
    return new Generation(
      async () => this.#job(typeof prompt === "string" ? this.#encode(prompt, true) : prompt, options),
      options.signal,
    );
  }

  /** The text that `chat` would have the model continue. Throws RequestError where the template refuses the conversation. */
  async renderChat(messages: string | readonly ChatMessage[], options: ChatOptions = {}): Promise<string> {
    const { system, tools, templateVariables } = options;
    const template = await this.#renderer.template(tools !== undefined);
    return template.render({
      messages: conversationOf(messages, system),
      ...(tools !== undefined && { tools }),
      ...(templateVariables !== undefined && { extra: templateVariables }),
    });
  }

  /** What the engine is doing. */
  stats(): Promise<EngineStats> {
    return this.#engine.stats();
  }

  /** Ends all answers as cancelled and frees everything. May be called more than once. */
  async close(): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #encode(text: string, addSpecial: boolean): readonly number[] {
    if (this.tokenizer === undefined)
      throw new RequestError("the model has no tokenizer.json; give token ids to generate()");
    return this.tokenizer.encode(text, { addSpecial });
  }

  #job(promptIds: readonly number[], options: GenerateOptions): GenerationJob {
    const { maxTokens = this.info.contextLength, ignoreEos = false, topLogprobs } = options;
    const stops = stopStrings(options);
    const { tokenizer } = this;
    if (stops.length > 0 && tokenizer === undefined) {
      throw new RequestError("stop needs text, and the model has no tokenizer.json");
    }
    return {
      engine: this.#engine,
      tokenizer,
      stops,
      loadMs: this.info.loadMs,
      request: {
        promptIds,
        maxTokens,
        stopIds: ignoreEos ? [] : this.info.endOfTurnIds,
        sampling: samplingParameters(options, this.#samplingDefaults),
        ...(topLogprobs !== undefined && { topLogprobs }),
      },
    };
  }
}
