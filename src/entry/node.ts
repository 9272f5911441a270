/** fewbit for Node: the public entry of the package. What is exported here stays; everything else may change. */
import { existsSync } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { startChildEngine } from "../engine/child-engine.node.ts";
import { GrammarThread } from "../engine/grammar-thread.node.ts";
import { SupervisedEngine } from "../engine/supervised-engine.ts";
import { openFolder } from "../io/folder.node.ts";
import type { Folder } from "../io/folder.ts";
import type { Host, ModelLocation } from "../llm/host.ts";
import type { LLM as LoadedLLM } from "../llm/llm.ts";
import { loadLLM } from "../llm/load-llm.ts";
import type { LoadOptions } from "../llm/load-options.ts";
import { IoError } from "../util/errors.ts";
import { lazyBackend } from "./lazy-backend.ts";

export * from "./exports.ts";
export { openFolder } from "../io/folder.node.ts";

/** Sources run as they are in tests only; Node itself cannot load them, a child process least of all. */
const isSource = import.meta.url.endsWith(".ts");
const root = new URL(isSource ? "../../" : "../", import.meta.url);

/** The embedded model's source in full precision, on the Hub: its GPTQ checkpoint is not published by itself. */
const standIn = "HuggingFaceTB/SmolLM2-135M-Instruct";

/** One for all models. What has been bundled anew may lack its module. */
const grammarModule = new URL("dist/grammar-thread.mjs", root);
const grammarThread = !isSource && existsSync(grammarModule) ? new GrammarThread(grammarModule) : undefined;

/** A loaded model; `LLM.load` makes one. */
export type LLM = LoadedLLM;

export const LLM = {
  /**
   * Opens a model and makes it ready to answer. `model` is a folder with a Hugging Face checkpoint, one of its files, a file: URL of either,
   * an id on the Hub (`org/name`, `org/name@revision`, `org/name:Q4_K_M`), or a Folder that is open already; absent: the model that comes with
   * a checkout, or what stands in for it on the Hub.
   *
   *     const llm = await LLM.load("./model");
   *     const { text } = await llm.chat("Why is the sky blue?").result;
   *     await llm.close();
   *
   * Errors have a `code`: "io" (no such file), "bad-file", "unsupported", "bad-request", "out-of-memory", "aborted".
   */
  load: (model?: string | URL | Folder, options?: LoadOptions): Promise<LLM> =>
    loadLLM(createNodeHost(), model, options),
};

/** The parts that Node has for loading models. */
export function createNodeHost(): Host {
  const embedded = fileURLToPath(new URL("models/smollm2-135m-instruct-gptq-int4", root));
  return {
    backends: [
      lazyBackend("cuda", async () => (await import("../backends/cuda/cuda-backend.node.ts")).createCudaBackend()),
      lazyBackend("cpu", async () => (await import("../backends/cpu/cpu-backend.node.ts")).createCpuBackend()),
      lazyBackend("reference", async () =>
        (await import("../backends/reference/reference-backend.ts")).createReferenceBackend(),
      ),
    ],
    locate,
    // The published package leaves the model out, for its size.
    defaultModel: existsSync(embedded) ? embedded : standIn,
    hub: { open: async (id, options) => (await import("../hub/node-hub.node.ts")).createNodeHub().open(id, options) },
    compileGrammar: grammarThread && ((spec) => grammarThread.compile(spec)),
    spawnEngine: (options, { signal, onProgress, onWarning, stepTimeoutMs }) => {
      const modulePath = new URL("dist/engine-child.mjs", root);
      return SupervisedEngine.start({
        // Loading is reported once.
        open: (given) =>
          startChildEngine({ modulePath, options, signal: given, ...(given === signal && { onProgress }) }),
        signal,
        stepTimeoutMs,
        onCrash: ({ message }) => onWarning?.(`${message}; it is started again`),
      });
    },
  };
}

async function locate(name: string): Promise<ModelLocation | undefined> {
  let path = name;
  try {
    if (name.startsWith("file:")) path = fileURLToPath(name);
    const found = await stat(path);
    if (found.isDirectory()) return { folder: await openFolder(path) };
    if (!found.isFile())
      throw new IoError(`${path}: is ${found.isFIFO() ? "a pipe" : "a device"}, not a folder or file`);
    return { folder: await openFolder(dirname(path)), file: basename(path) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" && (await isLink(path)))
      throw new IoError(`${path}: is a link to something that is not there`, { cause });
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (cause instanceof IoError) throw cause;
    throw new IoError(`${path}: cannot be read (${String(code)})`, { cause });
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}
