import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import type { Engine } from "../engine/engine.ts";
import type { Folder } from "../io/folder.ts";
import { GrammarCache } from "../text/grammar/grammar-cache.ts";
import { throwIfAborted } from "../util/abort.ts";
import { RequestError, UnsupportedError } from "../util/errors.ts";
import { once, type Warn } from "../util/warn-once.ts";
import { checkLoadOptions, checkModel } from "./check-options.ts";
import { endOfTurnIds } from "./end-of-turn-ids.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { Host, ModelLocation } from "./host.ts";
import { LLM } from "./llm.ts";
import { loadEngine, modelOf, type LoadEngineOptions } from "./load-engine.ts";
import type { LoadOptions } from "./load-options.ts";
import { loadPooling } from "./load-pooling.ts";
import { locateModel } from "./locate-model.ts";
import { loadModelText } from "./model-text.ts";
import { samplingDefaults } from "./sampling-defaults.ts";

/**
 * Opens a model and makes it ready to answer. `given` is a path or URL, a file, an id on the Hub or a folder that is open already; absent: the
 * host's default model. Throws IoError, FormatError, UnsupportedError, RequestError, OutOfMemoryError or AbortedError, and leaves nothing
 * open then.
 */
export async function loadLLM(
  host: Host,
  given: string | URL | Folder | undefined,
  options: LoadOptions = {},
): Promise<LLM> {
  const start = performance.now();
  checkModel(given);
  checkLoadOptions(options);
  const model = given instanceof URL ? given.href : given;
  const { signal, checkpointFormat, transposed, onWarning = defaultWarning, onProgress, hub } = options;
  const { maxRequests, timeoutMs, queueTimeoutMs } = options;
  const warn = once(onWarning);
  throwIfAborted(signal, "loading the model");
  const location: ModelLocation =
    typeof model === "object"
      ? { folder: model }
      : await locateModel(host, model, { ...hub, signal, onProgress, onWarning: warn });
  const { folder, file } = location;
  await using checkpoint = await openCheckpoint(folder, {
    warn,
    ...(file !== undefined && { file }),
    ...(signal !== undefined && { signal }),
    checkpointFormat,
    transposed,
  });
  const { architecture } = modelOf(checkpoint);
  // Weights are prepared by native threads as a rule, so that this thread has time for the tokenizer.
  const givingUp = new AbortController();
  const loadingText = loadModelText(folder, {
    embedded: checkpoint.embeddedText(),
    signal: AbortSignal.any([givingUp.signal, ...(signal ? [signal] : [])]),
    onProgress,
  });
  loadingText.catch(() => undefined); // looked at when the engine is there
  let engine: Engine;
  try {
    const tokenBytes = async () => (await loadingText).tokenizer?.tokenBytes();
    engine = await startEngine(host, location.path ?? model, checkpoint, { ...options, onWarning, tokenBytes }, warn);
  } catch (error) {
    givingUp.abort();
    await loadingText.catch(() => undefined); // closes its file
    throw error;
  }
  try {
    const text = await loadingText;
    const { config = {}, generationConfig = {} } = checkpoint;
    const { vocabSize, contextLength, cachePositions, device } = engine.info;
    const { tokenizer, specialTokens } = text;
    return new LLM({
      engine,
      text,
      grammars: new GrammarCache(host.compileGrammar),
      limits: { maxRequests, timeoutMs, queueTimeoutMs },
      samplingDefaults: samplingDefaults(generationConfig, warn),
      pooling: await loadPooling(folder, signal),
      info: {
        model: checkpoint.label,
        architecture,
        format: checkpoint.format,
        vocabSize,
        contextLength,
        cachePositions,
        device,
        endOfTurnIds: endOfTurnIds({ generationConfig, config, specialTokens, tokenizer, vocabSize }),
        loadMs: performance.now() - start,
      },
    });
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

async function startEngine(
  host: Host,
  model: string | Folder | undefined,
  checkpoint: Checkpoint,
  options: LoadOptions & Pick<LoadEngineOptions, "tokenBytes">,
  warn: Warn,
): Promise<Engine> {
  const { onWarning, inProcess = true, onProgress, signal, checkpointFormat, transposed, stepTimeoutMs } = options;
  const engine = engineOptions(options);
  const { tokenBytes } = options;
  if (inProcess)
    return loadEngine({ backends: host.backends, checkpoint, engine, warn, tokenBytes, onProgress, signal });
  if (host.spawnEngine === undefined)
    throw new UnsupportedError("inProcess: false needs processes, which there are none of here");
  const name = model ?? host.defaultModel;
  if (typeof name !== "string")
    throw new RequestError("inProcess: false needs a path: the other process opens the model by itself");
  const spawnOptions = { model: name, engine, checkpointFormat, transposed };
  return host.spawnEngine(spawnOptions, { signal, onProgress, onWarning, stepTimeoutMs });
}

/** Only what is plain data: a function cannot go to another process. */
function engineOptions(options: LoadOptions): EngineOptions {
  const { backend, threads, dtype, activations, cacheType, headType } = options;
  const { contextLength, maxSequences, cachePositions, cacheBytes, memoryShare, stepTokens, prefixReuse } = options;
  return {
    backend,
    threads,
    dtype,
    activations,
    cacheType,
    headType,
    contextLength,
    maxSequences,
    cachePositions,
    cacheBytes,
    memoryShare,
    stepTokens,
    prefixReuse,
  };
}

function defaultWarning(message: string): void {
  console.warn(`fewbit: ${message}`);
}
