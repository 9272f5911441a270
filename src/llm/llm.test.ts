import { afterAll, afterEach, describe, expect, test } from "vitest";
import { expected, textOf, tinyModel, type TinyModelOptions } from "../../test/support/tiny-model.ts";
import { floatValues } from "../weights/float-values.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { openSafetensors } from "../containers/safetensors/read-safetensors.ts";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import { AbortedError, RequestError } from "../util/errors.ts";
import type { LoadProgress } from "../util/load-progress.ts";
import type { GenerateOptions } from "./generation-options.ts";
import type { Generation, GenerationEvent } from "./generation.ts";
import type { Host } from "./host.ts";
import type { LLM } from "./llm.ts";
import { loadLLM } from "./load-llm.ts";
import type { LoadOptions } from "./load-options.ts";

const host: Host = { backends: [createReferenceBackend()], locate: () => Promise.resolve(undefined) };
const { prompt_ids: promptIds, greedy_ids: greedyIds } = expected;
const promptText = textOf(promptIds);
const greedy = { temperature: 0, ignoreEos: true } as const;

const load = (model?: TinyModelOptions, options?: LoadOptions): Promise<LLM> =>
  loadLLM(host, tinyModel(model), options);
const llm = await load();
afterAll(() => llm.close());

const rejections: unknown[] = [];
const onRejection = (reason: unknown): unknown => rejections.push(reason);
process.on("unhandledRejection", onRejection);
afterAll(() => process.off("unhandledRejection", onRejection));
afterEach(async () => {
  await new Promise(setImmediate);
  expect(rejections).toEqual([]);
});

async function eventsOf(generation: Generation): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of generation) events.push(event);
  return events;
}

const textIn = (events: readonly GenerationEvent[]): string =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

describe("generate", () => {
  test("continues token ids as transformers does", async () => {
    const result = await llm.generate(promptIds, { ...greedy, maxTokens: 12 }).result;
    expect(result).toMatchObject({
      ids: greedyIds.slice(0, 12),
      text: textOf(greedyIds.slice(0, 12)),
      promptIds,
      finishReason: "length",
      usage: { promptTokens: promptIds.length, completionTokens: 12 },
    });
    expect(result).not.toHaveProperty("logprobs");
    expect(result).not.toHaveProperty("stop");
  });

  test("continues a text", async () => {
    const result = await llm.generate(promptText, { ...greedy, maxTokens: 3 }).result;
    expect(result).toMatchObject({ promptIds, ids: greedyIds.slice(0, 3) });
  });

  test("events and result tell the same", async () => {
    const generation = llm.generate(promptIds, { ...greedy, maxTokens: 8 });
    const events = await eventsOf(generation);
    const result = await generation.result;
    expect(textIn(events)).toBe(result.text);
    expect(events.filter(({ type }) => type === "token")).toMatchObject(result.ids.map((id) => ({ id })));
    const { finishReason, usage, timings } = result;
    expect(events.at(-1)).toEqual({ type: "finished", finishReason, usage, timings });
    expect(events.filter(({ type }) => type === "finished")).toHaveLength(1);
  });

  test("text comes as it is made", async () => {
    const types = (await eventsOf(llm.generate(promptIds, { ...greedy, maxTokens: 2 }))).map(({ type }) => type);
    expect(types).toEqual(["token", "text", "token", "text", "finished"]);
  });

  test("timings add up", async () => {
    const { timings, usage } = await llm.generate(promptIds, { ...greedy, maxTokens: 4 }).result;
    expect(timings.loadMs).toBe(llm.info.loadMs);
    const computed = usage.promptTokens - usage.cachedTokens;
    expect(timings.prefillTokensPerSecond).toBeCloseTo((1000 * computed) / timings.prefillMs, 6);
    expect(timings.decodeTokensPerSecond).toBeCloseTo((1000 * 3) / timings.decodeMs, 6);
    const one = await llm.generate(promptIds, { ...greedy, maxTokens: 1 }).result;
    expect(one.timings.decodeTokensPerSecond).toBe(0);
  });

  test("log-probabilities where asked for", async () => {
    const { logprobs, ids } = await llm.generate(promptIds, { ...greedy, maxTokens: 3, topLogprobs: 2 }).result;
    expect(logprobs?.map(({ id }) => id)).toEqual(ids);
    for (const { id, logprob, top } of logprobs ?? []) {
      expect(top).toHaveLength(2);
      expect(top?.[0]).toEqual({ id, logprob });
      expect(logprob).toBeLessThanOrEqual(0);
    }
  });

  test("log-probabilities without the likeliest others", async () => {
    const { logprobs } = await llm.generate(promptIds, { ...greedy, maxTokens: 2, logprobs: true }).result;
    expect(logprobs).toHaveLength(2);
    expect(logprobs?.[0]).not.toHaveProperty("top");
    const none = await llm.generate(promptIds, { ...greedy, maxTokens: 2, logprobs: false, topLogprobs: 1 }).result;
    expect(none).not.toHaveProperty("logprobs");
  });

  test("what another prompt began with is not computed again, unless it is switched off or salted", async () => {
    await using two = await load({}, { maxSequences: 2 });
    const prompt = [...promptIds, ...promptIds, ...promptIds, ...promptIds].slice(0, 40);
    const ask = async (on: LLM, options: GenerateOptions = {}) =>
      await on.generate(prompt, { ...greedy, maxTokens: 4, ...options }).result;
    const first = await ask(two);
    const again = await ask(two);
    expect(first.usage).toEqual({ promptTokens: 40, cachedTokens: 0, completionTokens: 4 });
    expect(again.usage.cachedTokens).toBeGreaterThanOrEqual(16);
    expect(again.ids).toEqual(first.ids);
    expect((await ask(two, { cacheSalt: "mine" })).usage.cachedTokens).toBe(0);
    expect(await two.stats()).toMatchObject({ running: 0, pagesUsed: 0 });
    expect((await two.stats()).pagesCached).toBeGreaterThan(0);
    await using without = await load({}, { prefixReuse: false });
    await ask(without);
    expect((await ask(without)).usage.cachedTokens).toBe(0);
  });

  test("answers at the same time do not touch each other", async () => {
    const prompts = [promptIds, promptIds.slice(3), promptIds.slice(0, 5), [7], [200, 100], promptIds];
    const options = { ...greedy, maxTokens: 6 };
    const together = await Promise.all(prompts.map((prompt) => llm.generate(prompt, options).result));
    for (const [i, prompt] of prompts.entries()) {
      const alone = await llm.generate(prompt, options).result;
      expect(together[i].ids).toEqual(alone.ids);
    }
  });
});

describe("sampling", () => {
  test("the seed decides, and is told", async () => {
    const options = { temperature: 2, topP: 1, ignoreEos: true, maxTokens: 8 };
    const first = await llm.generate(promptIds, options).result;
    const again = await llm.generate(promptIds, { ...options, seed: first.seed }).result;
    expect(again.ids).toEqual(first.ids);
    const others = await Promise.all([1, 2, 3].map((seed) => llm.generate(promptIds, { ...options, seed }).result));
    expect(new Set(others.map(({ ids }) => ids.join())).size).toBeGreaterThan(1);
  });

  test("the model's own wishes hold where the request says nothing", async () => {
    await using greedyModel = await load({ generationConfig: { do_sample: false } });
    const result = await greedyModel.generate(promptIds, { ignoreEos: true, maxTokens: 6 }).result;
    expect(result.ids).toEqual(greedyIds.slice(0, 6));
  });
});

describe("the end of an answer", () => {
  test("the model's own end: reported as a token, not as text", async () => {
    await using ending = await load({ generationConfig: { eos_token_id: [250, greedyIds[3]] } });
    expect(ending.info.endOfTurnIds).toEqual([250, greedyIds[3], 2]);
    const { text, ids, finishReason, usage } = await ending.generate(promptIds, { temperature: 0 }).result;
    expect(greedyIds.indexOf(greedyIds[3])).toBe(3);
    expect(ids).toEqual(greedyIds.slice(0, 4));
    expect(text).toBe(textOf(greedyIds.slice(0, 3)));
    expect([finishReason, usage.completionTokens]).toEqual(["stop", 4]);
    const on = await ending.generate(promptIds, { ...greedy, maxTokens: 6 }).result;
    expect(on.ids).toEqual(greedyIds.slice(0, 6));
  });

  test("a stop text over several tokens is never said", async () => {
    const stop = textOf(greedyIds.slice(2, 4));
    const generation = llm.generate(promptIds, { ...greedy, maxTokens: 40, stop: ["never", stop] });
    const events = await eventsOf(generation);
    const result = await generation.result;
    expect(textIn(events)).toBe(textOf(greedyIds.slice(0, 2)));
    expect(result).toMatchObject({ text: textIn(events), finishReason: "stop", stop, ids: greedyIds.slice(0, 4) });
    expect(result.usage.completionTokens).toBe(4);
    expect(await llm.stats()).toMatchObject({ running: 0, waiting: 0, pagesUsed: 0 });
  });

  test("the beginning of a stop text is said when no more comes", async () => {
    const stop = `${textOf(greedyIds.slice(3, 5))}!`;
    const { text, finishReason } = await llm.generate(promptIds, { ...greedy, maxTokens: 5, stop }).result;
    expect([text, finishReason]).toEqual([textOf(greedyIds.slice(0, 5)), "length"]);
  });

  test("special tokens: hidden, or shown, and a text to stop at", async () => {
    const special = { [greedyIds[1]]: "<mark>", [greedyIds[5]]: "<end>" };
    await using marked = await load({ special, generationConfig: { eos_token_id: greedyIds[5] } });
    const text = (from: number, to: number): string => textOf(greedyIds.slice(from, to));
    const ask = async (options: GenerateOptions) => {
      const generation = marked.generate(promptIds, { temperature: 0, maxTokens: 8, ...options });
      const said = textIn(await eventsOf(generation));
      const { text: whole, ...result } = await generation.result;
      expect(whole).toBe(said);
      return { ...result, said };
    };
    expect([greedyIds.indexOf(greedyIds[1]), greedyIds.indexOf(greedyIds[5])]).toEqual([1, 5]);
    const hidden = await ask({});
    expect([hidden.said, hidden.finishReason]).toEqual([text(0, 1) + text(2, 5), "stop"]);
    expect((await ask({ skipSpecial: false })).said).toBe(`${text(0, 1)}<mark>${text(2, 5)}<end>`);
    expect((await ask({ skipSpecial: false, ignoreEos: true })).said).toBe(
      `${text(0, 1)}<mark>${text(2, 5)}<end>${text(6, 8)}`,
    );
    for (const skipSpecial of [true, false])
      expect(await ask({ skipSpecial, stop: ["never", "<mark>"] })).toMatchObject({
        said: text(0, 1),
        ids: greedyIds.slice(0, 2),
        finishReason: "stop",
        stop: "<mark>",
      });
    const byId = await ask({ stopIds: [greedyIds[2]] });
    expect(byId).toMatchObject({ ids: greedyIds.slice(0, 3), said: text(0, 1), finishReason: "stop" });
    expect(byId).not.toHaveProperty("stop");
  });

  test("the context's end", async () => {
    await using short = await load({}, { contextLength: promptIds.length + 3 });
    const { ids, finishReason } = await short.generate(promptIds, greedy).result;
    expect(finishReason).toBe("length");
    expect(ids).toEqual(greedyIds.slice(0, ids.length));
    expect(ids.length).toBeGreaterThanOrEqual(3);
  });

  test("aborting keeps what has been said", async () => {
    const abort = new AbortController();
    const generation = llm.generate(promptIds, { ...greedy, maxTokens: 400, signal: abort.signal });
    let said = 0;
    for await (const event of generation) if (event.type === "token" && ++said === 3) abort.abort();
    const { finishReason, ids, text } = await generation.result;
    expect(finishReason).toBe("cancelled");
    expect(ids).toEqual(greedyIds.slice(0, ids.length));
    expect(text).toBe(textOf(ids));
    expect(ids.length).toBeGreaterThanOrEqual(3);
    expect(await llm.stats()).toMatchObject({ running: 0, pagesUsed: 0 });
  });

  test("a signal that has fired before", async () => {
    const { ids, finishReason } = await llm.generate(promptIds, { ...greedy, signal: AbortSignal.abort() }).result;
    expect([ids, finishReason]).toEqual([[], "cancelled"]);
  });

  test("leaving the loop", async () => {
    const generation = llm.generate(promptIds, { ...greedy, maxTokens: 400 });
    for await (const event of generation) if (event.type === "text") break;
    expect(await generation.result).toMatchObject({ finishReason: "cancelled" });
    expect(await llm.stats()).toMatchObject({ running: 0, pagesUsed: 0 });
    expect(await eventsOf(generation)).toEqual([]);
  });

  test("closing the model", async () => {
    const closing = await load();
    const generation = closing.generate(promptIds, { ...greedy, maxTokens: 400 });
    const [first] = await Promise.all([generation[Symbol.asyncIterator]().next(), closing.stats()]);
    expect(first.done).toBe(false);
    await closing.close();
    expect(await generation.result).toMatchObject({ finishReason: "cancelled" });
    await closing.close();
    // Begun, but not yet with the engine: this is an answer too.
    const hasty = await load();
    const begun = [hasty.generate(promptIds, greedy), hasty.chat("a", greedy)];
    await hasty.close();
    for (const { result } of begun) expect(await result).toMatchObject({ finishReason: "cancelled" });
    await expect(closing.generate(promptIds).result).rejects.toThrow(RequestError);
  });
});

describe("chat", () => {
  const ask = { role: "user", content: promptText };

  test("renders the template, whose special tokens count once", async () => {
    const result = await llm.chat([ask], { ...greedy, maxTokens: 2 }).result;
    expect(result.promptIds).toEqual([1, ...promptIds]);
  });

  test("a text is a message of the user's; a system message goes before it", async () => {
    expect(await llm.applyTemplate(promptText)).toBe(`<s>${promptText}`);
    expect(await llm.applyTemplate("b", { system: "a" })).toBe("<s>ab");
    expect(await llm.applyTemplate("b", { tools: ["t"] })).toBe("<s>bt");
    expect(await llm.applyTemplate("b", { templateVariables: { bos_token: "x" } })).toBe("xb");
    const twice = llm.chat([{ role: "system", content: "a" }, ask], { system: "b" });
    await expect(twice.result).rejects.toThrow(RequestError);
  });
});

describe("tokens and templates", () => {
  test("text to tokens and back", () => {
    expect(llm.tokenize(promptText)).toEqual(promptIds);
    expect(llm.tokenize(`<s>${promptText}`)).toEqual([1, ...promptIds]);
    expect(llm.detokenize([1, ...promptIds])).toBe(`<s>${promptText}`);
    expect(llm.detokenize([1, ...promptIds], { skipSpecial: true })).toBe(promptText);
    expect(llm.detokenize(Int32Array.from(promptIds) as never)).toBe(promptText);
  });

  test("counts are those of prompts", async () => {
    expect(await llm.countTokens(promptText)).toBe(promptIds.length);
    const messages = [{ role: "user", content: promptText }];
    const { usage } = await llm.chat(messages, { ...greedy, system: promptText, maxTokens: 1 }).result;
    expect(await llm.countTokens(messages, { system: promptText })).toBe(usage.promptTokens);
    expect(await llm.countTokens("x".repeat(5000))).toBeGreaterThan(-1);
  });

  test("templates know the time, and whose turn it is", async () => {
    const now = new Date(2020, 1, 29);
    expect(await llm.applyTemplate("b", { now, templateVariables: { dated: true } })).toBe("<s>b2020-02-29");
    expect(await llm.applyTemplate("b", { addGenerationPrompt: false })).toBe("<s>b.");
  });

  test.each<[string, () => unknown]>([
    ["text", () => llm.tokenize(5 as never)],
    ["ids", () => llm.detokenize("a" as never)],
    ["ids", () => llm.detokenize([1, -1])],
    ["ids", () => llm.detokenize([0.5])],
    ["text", () => llm.countTokens(undefined as never)],
    ["now", () => llm.applyTemplate("a", { now: new Date(NaN) })],
    ["now", () => llm.applyTemplate("a", { now: 5 as never })],
    ["addGenerationPrompt", () => llm.countTokens([{ role: "user" }], { addGenerationPrompt: 1 as never })],
  ])("%s that is none is refused", async (name, ask) => {
    const asked = (async () => ask())();
    await expect(asked).rejects.toThrow(RequestError);
    await expect(asked).rejects.toThrow(name);
  });
});

describe("what cannot be asked for", () => {
  test.each<[string, () => Generation]>([
    ["an empty prompt", () => llm.generate([])],
    ["an id beyond the vocabulary", () => llm.generate([256])],
    ["a prompt beyond the context", () => llm.generate(new Array<number>(600).fill(5))],
    ["a negative temperature", () => llm.generate(promptIds, { temperature: -1 })],
    ["an empty stop text", () => llm.generate(promptIds, { stop: [""] })],
    ["a long stop text", () => llm.generate(promptIds, { stop: "x".repeat(1025) })],
    ["too many stop texts", () => llm.generate(promptIds, { stop: new Array<string>(65).fill("x") })],
    ["an empty conversation", () => llm.chat([])],
    ["a text far beyond the context", () => llm.generate("x".repeat(512 * 3 + 1))],
    ["no prompt", () => llm.generate(null as never)],
    ["no options", () => llm.generate(promptIds, null as never)],
    ["a stop that is no text", () => llm.generate(promptIds, { stop: 5 as never })],
    ["stop ids that are no list", () => llm.generate(promptIds, { stopIds: 5 as never })],
    ["a stop id that is none", () => llm.generate(promptIds, { stopIds: [256] })],
    ["a salt that is no text", () => llm.generate(promptIds, { cacheSalt: 5 as never })],
    ["a salt that is too long", () => llm.generate(promptIds, { cacheSalt: "x".repeat(257) })],
    ["a wish that is no yes or no", () => llm.generate(promptIds, { logprobs: "yes" as never })],
    ["a signal that is none", () => llm.generate(promptIds, { signal: {} as never })],
    ["a number in a text", () => llm.generate(promptIds, { topP: "0.5" as never })],
    ["a bias that is no pair", () => llm.generate(promptIds, { logitBias: [5] as never })],
    ["no conversation", () => llm.chat(null as never)],
    ["a message that is none", () => llm.chat([null] as never)],
    ["a system message that is no text", () => llm.chat("a", { system: 5 as never })],
    ["tools that are no list", () => llm.chat("a", { tools: {} as never })],
  ])("%s is refused by result and events alike", async (_, ask) => {
    await expect(ask().result).rejects.toThrow(RequestError);
    await expect(eventsOf(ask())).rejects.toThrow(RequestError);
    ask(); // and nobody listening is no crash, see afterEach
  });

  test("a model without a tokenizer speaks ids only", async () => {
    await using mute = await load({ without: ["tokenizer.json", "tokenizer_config.json"] });
    expect(mute.tokenizer).toBeUndefined();
    const { text, ids } = await mute.generate(promptIds, { ...greedy, maxTokens: 3 }).result;
    expect([text, ids]).toEqual([null, greedyIds.slice(0, 3)]);
    for (const generation of [mute.generate("text"), mute.generate(promptIds, { stop: "x" }), mute.chat("text")]) {
      await expect(generation.result).rejects.toThrow(RequestError);
    }
  });
});

describe("load", () => {
  test("tells what it has loaded", () => {
    expect(llm.info).toMatchObject({
      model: "tiny model",
      architecture: "LlamaForCausalLM",
      format: "dense",
      vocabSize: 256,
      contextLength: 512,
      endOfTurnIds: [2],
      device: { backend: "reference" },
    });
    const { device, cachePositions, loadMs } = llm.info;
    expect(Object.values(device.kernels).reduce((sum, count) => sum + count)).toBeGreaterThan(3);
    expect(device.weightBytes).toBeGreaterThan(100_000);
    expect(cachePositions).toBeGreaterThanOrEqual(512);
    expect(loadMs).toBeGreaterThan(0);
  });

  test("warns, once, of a context that the model was not trained for", async () => {
    const warnings: string[] = [];
    await using large = await load({}, { contextLength: 1000, onWarning: (message) => warnings.push(message) });
    expect(large.info.contextLength).toBe(512);
    expect(warnings).toEqual([expect.stringContaining("512")]);
  });

  test("reports progress", async () => {
    const seen: LoadProgress[] = [];
    await using _ = await load({}, { onProgress: (progress) => seen.push(progress) });
    for (const phase of ["read", "prepare", "tokenizer"]) {
      const done = seen.filter((progress) => progress.phase === phase).map(({ bytesDone }) => bytesDone);
      const { bytesTotal } = seen.find((progress) => progress.phase === phase)!;
      expect(done.at(-1)).toBe(bytesTotal);
      expect(bytesTotal).toBeGreaterThan(1000);
      expect(done).toEqual([...done].sort((a, b) => a - b));
    }
  });

  test.each<[string, LoadOptions]>([
    ["a backend that is not there", { backend: "cuda" }],
    ["no threads", { threads: 0 }],
    ["half a context", { contextLength: 0.5 }],
    ["too many sequences", { maxSequences: 2 ** 40 }],
    ["a process where only this one has the folder", { inProcess: false, backend: "reference" }],
  ])("refuses %s", async (_, options) => {
    const spawnEngine = (): never => {
      throw new Error("must not be called");
    };
    await expect(loadLLM({ ...host, spawnEngine }, tinyModel(), options)).rejects.toThrow(RequestError);
  });

  test.each<[string, Readonly<Record<string, unknown>> | null]>([
    ["options", null],
    ["cacheType", { cacheType: "f8" }],
    ["activations", { activations: "int4" }],
    ["checkpointFormat", { checkpointFormat: 2 }],
    ["onWarning", { onWarning: "loudly" }],
    ["onProgress", { onProgress: 5 }],
    ["inProcess", { inProcess: "no" }],
    ["prefixReuse", { prefixReuse: 1 }],
    ["signal", { signal: {} }],
  ])("names %s where it makes no sense", async (name, options) => {
    const loading = load({}, options as LoadOptions);
    await expect(loading).rejects.toThrow(RequestError);
    await expect(loading).rejects.toThrow(new RegExp(`^${name} is .*; it must be `));
  });

  test.each([null, 5, "", {}, []])("refuses %j as a model", async (model) => {
    const loading = loadLLM(host, model as never);
    await expect(loading).rejects.toThrow(RequestError);
    await expect(loading).rejects.toThrow("model is ");
  });

  test("leaves no file open where no engine starts", async () => {
    const folder = tinyModel();
    let open = 0;
    const watched: typeof folder = {
      label: folder.label,
      list: () => folder.list(),
      open: async (name) => {
        open++;
        const source = await folder.open(name);
        let isOpen = true;
        const close = async (): Promise<void> => {
          if (isOpen) open--;
          isOpen = false;
        };
        return {
          size: source.size,
          label: source.label,
          read: async (...args) => {
            await new Promise(setImmediate); // as a disk, or a server
            return source.read(...args);
          },
          close,
          [Symbol.asyncDispose]: close,
        };
      },
    };
    await expect(loadLLM(host, watched, { backend: "cuda" })).rejects.toThrow(RequestError);
    expect(open).toBe(0);
  });

  test("can be given up", async () => {
    await expect(load({}, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
    const abort = new AbortController();
    await expect(load({}, { signal: abort.signal, onProgress: () => abort.abort() })).rejects.toThrow(AbortedError);
  });
});

describe("embed", () => {
  const raw = { normalize: false } as const;
  /** Longer than what one step pools. */
  const long = Array.from({ length: 100 }, (_, i) => 2 + ((i * 7) % 250));

  test("gives what the head reads of the last token: by a tied embedding the likeliest next one is the answer's first", async () => {
    await using source = await tinyModel().open("model.safetensors");
    await using file = await openSafetensors(source);
    const table = floatValues(await file.tensors.get("model.embed_tokens.weight")!.read(), "bf16");
    const { values, promptTokens } = await llm.embed(promptIds, raw);
    const logits = Array.from({ length: 256 }, (_, id) =>
      values.reduce((sum, value, i) => sum + value * table[id * values.length + i], 0),
    );
    expect([logits.indexOf(Math.max(...logits)), promptTokens]).toEqual([greedyIds[0], promptIds.length]);
  });

  test("means over several steps are the means of what every beginning gives, beside an answer under way", async () => {
    const answer = llm.generate(promptIds, { ...greedy, maxTokens: 20 });
    const { values: mean } = await llm.embed(long, { ...raw, pooling: "mean" });
    const { values: again } = await llm.embed(long, { ...raw, pooling: "mean" }); // nothing is left out for being known
    const each = await Promise.all(long.map((_, i) => llm.embed(long.slice(0, i + 1), raw)));
    const expectedMean = mean.map((_, i) => each.reduce((sum, { values }) => sum + values[i], 0) / long.length);
    for (const [i, value] of mean.entries()) expect(value).toBeCloseTo(expectedMean[i], 5);
    expect(again).toEqual(mean);
    expect((await answer.result).ids).toEqual(greedyIds.slice(0, 20));
  });

  test("has length 1, also when it is shortened", async () => {
    for (const dimensions of [undefined, 3]) {
      const { values } = await llm.embed(promptText, { dimensions });
      expect(Math.hypot(...values)).toBeCloseTo(1, 5);
    }
  });

  test("refuses what is no prompt, and stops when told", async () => {
    await expect(llm.embed([])).rejects.toThrow("at least one");
    await expect(llm.embed(promptIds, { dimensions: 0 })).rejects.toThrow("dimensions is 0");
    await expect(llm.embed(promptIds, { pooling: "cls" as never })).rejects.toThrow('pooling is "cls"');
    await expect(llm.embed(promptIds, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  });

  test.each([
    [{ pooling_mode_mean_tokens: true, pooling_mode_lasttoken: false }, "mean"],
    [{ pooling_mode: "lasttoken" }, "last"],
    [{ pooling_mode_cls_token: true }, undefined],
  ])("goes by 1_Pooling/config.json: %j", async (config, pooling) => {
    const bytes = new TextEncoder().encode(JSON.stringify(config));
    const folder = {
      ...tinyModel(),
      subfolder: async (name: string) =>
        name === "1_Pooling" ? openMemoryFolder(new Map([["config.json", bytes]])) : undefined,
    };
    await using model = await loadLLM(host, folder);
    if (pooling === undefined) await expect(model.embed(promptIds)).rejects.toThrow('"cls_token"');
    else expect(await model.embed(promptIds)).toEqual(await llm.embed(promptIds, { pooling: pooling as "mean" }));
  });
});
