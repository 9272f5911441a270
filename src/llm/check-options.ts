import { cacheTypes, headTypes, maxThreads } from "../device/backend.ts";
import { dtypeChoices } from "../device/choose-dtype.ts";
import type { ChatMessage } from "../text/chat-message.ts";
import { RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { EmbedOptions } from "./embedding.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { GenerateOptions, TemplateOptions } from "./generation-options.ts";
import type { LoadOptions } from "./load-options.ts";

// Types hold in TypeScript only: a program in JavaScript, or one that passes on what a file says, may give anything.

/** Larger than anything that memory could hold, and small enough that products stay exact. */
const largestCount = 2 ** 26;

/** Throws RequestError naming the option that is not what EngineOptions says. Which backends there are, the host knows. */
export function checkEngineOptions(options: EngineOptions): void {
  const { dtype, activations, cacheType, headType, prefixReuse } = options;
  requireOneOf("dtype", dtype, dtypeChoices);
  requireOneOf("activations", activations, ["int8", "f32"]);
  requireOneOf("cacheType", cacheType, cacheTypes);
  requireOneOf("headType", headType, headTypes);
  requireType("prefixReuse", prefixReuse, "boolean");
  const { threads, contextLength, maxSequences, cachePositions, stepTokens } = options;
  const counts = { threads, contextLength, maxSequences, cachePositions, stepTokens };
  for (const [name, count] of Object.entries(counts)) {
    const most = name === "threads" ? maxThreads : largestCount;
    const isCount = count === undefined || (Number.isInteger(count) && count >= 1 && count <= most);
    check(name, count, isCount, `an integer from 1 to ${most}`);
  }
  const { cacheBytes, cachePositions: positions } = options;
  const isSize = cacheBytes === undefined || (Number.isSafeInteger(cacheBytes) && cacheBytes >= 1);
  check("cacheBytes", cacheBytes, isSize, "a number of bytes");
  const { memoryShare } = options;
  const isShare = memoryShare === undefined || (typeof memoryShare === "number" && memoryShare > 0 && memoryShare <= 1);
  check("memoryShare", memoryShare, isShare, "a number above 0 and at most 1");
  const sizes = Object.entries({ cacheBytes, cachePositions: positions, memoryShare }).filter(([, size]) => size);
  if (sizes.length > 1)
    throw new RequestError(
      `${sizes.map(([name]) => name).join(" and ")} each say how large the caches are (--kv-cache-memory, --gpu-memory-utilization); give one`,
    );
}

/** Throws RequestError naming the option that is not what LoadOptions says. */
export function checkLoadOptions(options: LoadOptions): void {
  requireObject("options", options);
  checkEngineOptions(options);
  const { checkpointFormat, transposed, inProcess, stepTimeoutMs, onWarning, onProgress, signal, hub } = options;
  requireType("checkpointFormat", checkpointFormat, "string");
  requireType("transposed", transposed, "string");
  requireType("inProcess", inProcess, "boolean");
  const { maxRequests, timeoutMs, queueTimeoutMs } = options;
  for (const [name, value] of Object.entries({ stepTimeoutMs, maxRequests, timeoutMs, queueTimeoutMs }))
    check(name, value, value === undefined || (typeof value === "number" && value > 0), "a number above 0");
  requireType("onWarning", onWarning, "function");
  requireType("onProgress", onProgress, "function");
  requireSignal(signal);
  if (hub === undefined) return;
  requireObject("hub", hub);
  requireType("hub.token", hub.token, "string");
  requireType("hub.offline", hub.offline, "boolean");
}

/** Throws RequestError for what is neither a name nor a folder. */
export function checkModel(model: unknown): void {
  if (model === undefined || (typeof model === "string" && model !== "") || model instanceof URL) return;
  const { list, open } = (model ?? {}) as Readonly<Record<string, unknown>>;
  check("model", model, typeof list === "function" && typeof open === "function", "a path, a URL or a Folder");
}

/** Throws RequestError naming the option that is not what GenerateOptions says. Ranges of numbers are the engine's. */
export function checkGenerateOptions(options: GenerateOptions): void {
  requireObject("options", options);
  const { stop, stopIds, ignoreEos, logprobs, skipSpecial, keepSpecial, cacheSalt, signal, logitBias } = options;
  check(
    "stop",
    stop,
    stop === undefined || typeof stop === "string" || Array.isArray(stop),
    "a text or a list of texts",
  );
  for (const [name, value] of Object.entries({ ignoreEos, logprobs, skipSpecial })) requireType(name, value, "boolean");
  requireType("cacheSalt", cacheSalt, "string");
  const { responseFormat, jsonSchema, regex, grammar } = options;
  requireType("regex", regex, "string");
  if (responseFormat !== undefined) requireObject("responseFormat", responseFormat);
  if (grammar !== undefined && typeof grammar !== "string") requireObject("grammar", grammar);
  const isSchema = jsonSchema === undefined || ["object", "boolean", "string"].includes(typeof jsonSchema);
  check("jsonSchema", jsonSchema, isSchema, "an object, or JSON text");
  const areTexts =
    keepSpecial === undefined || (Array.isArray(keepSpecial) && keepSpecial.every((text) => typeof text === "string"));
  check("keepSpecial", keepSpecial, areTexts, "a list of texts");
  check("stopIds", stopIds, stopIds === undefined || Array.isArray(stopIds), "a list of token ids");
  requireSignal(signal);
  const isBias = logitBias === undefined || (Array.isArray(logitBias) && logitBias.every(Array.isArray));
  check("logitBias", logitBias, isBias, "a list of [token id, bias]");
  const { priority, timeoutMs, queueTimeoutMs } = options;
  const { maxTokens, minTokens, topLogprobs, temperature, topK, topP, minP, typicalP, seed } = options;
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = options;
  const numbers = {
    ...{ maxTokens, minTokens, topLogprobs, temperature, topK, topP, minP, typicalP, seed },
    ...{ repetitionPenalty, presencePenalty, frequencyPenalty, priority, timeoutMs, queueTimeoutMs },
  };
  for (const [name, value] of Object.entries(numbers)) requireType(name, value, "number");
}

/** Throws RequestError naming the option that is not what EmbedOptions says. The number of dimensions is the model's affair. */
export function checkEmbedOptions(options: EmbedOptions): void {
  requireObject("options", options);
  const { pooling, dimensions, normalize, cacheSalt, signal } = options;
  requireOneOf("pooling", pooling, ["last", "mean"]);
  requireType("dimensions", dimensions, "number");
  requireType("normalize", normalize, "boolean");
  requireType("cacheSalt", cacheSalt, "string");
  requireSignal(signal);
}

/** As checkGenerateOptions, for a prompt of either kind. */
export function checkPrompt(prompt: unknown): void {
  check("prompt", prompt, typeof prompt === "string" || isList(prompt), "a text or a list of token ids");
}

/** As checkGenerateOptions, for what is to become tokens. */
export function checkText(text: unknown): void {
  check("text", text, typeof text === "string", "a text");
}

/** As checkGenerateOptions, for what is to become text. */
export function checkIds(ids: unknown): void {
  const isIds = isList(ids) && ids.every((id) => Number.isInteger(id) && (id as number) >= 0);
  check("ids", ids, isIds, "a list of token ids");
}

function isList(value: unknown): value is ArrayLike<unknown> & { every(test: (item: unknown) => boolean): boolean } {
  return Array.isArray(value) || value instanceof Int32Array || value instanceof Uint32Array;
}

/** As checkGenerateOptions, for a conversation and its template. */
export function checkChat(messages: string | readonly ChatMessage[], options: TemplateOptions): void {
  requireObject("options", options);
  check("messages", messages, typeof messages === "string" || Array.isArray(messages), "a text or a list of messages");
  if (typeof messages !== "string") messages.forEach((message, i) => requireObject(`messages[${i}]`, message));
  const { system, tools, templateVariables, now, addGenerationPrompt, continueFinalMessage } = options;
  requireType("system", system, "string");
  check("tools", tools, tools === undefined || Array.isArray(tools), "a list");
  if (templateVariables !== undefined) requireObject("templateVariables", templateVariables);
  const isDate = now === undefined || (now instanceof Date && !Number.isNaN(now.getTime()));
  check("now", now, isDate, "a valid Date");
  requireType("addGenerationPrompt", addGenerationPrompt, "boolean");
  requireType("continueFinalMessage", continueFinalMessage, "boolean");
  if (addGenerationPrompt === true && continueFinalMessage === true)
    throw new RequestError(
      "addGenerationPrompt begins a turn, where the last message is to be gone on with; give one",
      {
        option: "addGenerationPrompt",
      },
    );
}

/** The options' signal, if they have one that can be listened to. */
export function signalOf(options: GenerateOptions | null): AbortSignal | undefined {
  const signal = options?.signal;
  return isSignal(signal) ? signal : undefined;
}

function isSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof aborted === "boolean" && typeof addEventListener === "function";
}

function requireSignal(signal: unknown): void {
  check("signal", signal, signal === undefined || isSignal(signal), "an AbortSignal");
}

function requireObject(name: string, value: unknown): void {
  check(name, value, typeof value === "object" && value !== null && !Array.isArray(value), "an object");
}

function requireType(name: string, value: unknown, type: "boolean" | "function" | "number" | "string"): void {
  check(name, value, value === undefined || typeof value === type, `a ${type}`);
}

function requireOneOf(name: string, value: unknown, accepted: readonly string[]): void {
  check(name, value, value === undefined || accepted.includes(value as string), `one of ${accepted.join(", ")}`);
}

function check(name: string, found: unknown, isAccepted: boolean, accepted: string): void {
  if (!isAccepted)
    throw new RequestError(`${name} is ${shown(found)}; it must be ${accepted}`, { option: /^\w+/.exec(name)?.[0] });
}

function shown(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : typeof value;
}
