/** fewbit for browsers: the public entry of the package there. What is exported here stays; everything else may change. */
import type { Folder } from "../io/folder.ts";
import { openHttpModel } from "../llm/http-model.ts";
import type { Host } from "../llm/host.ts";
import type { LLM as LoadedLLM } from "../llm/llm.ts";
import { loadLLM } from "../llm/load-llm.ts";
import type { LoadOptions } from "../llm/load-options.ts";
import { lazyBackend } from "./lazy-backend.ts";

export * from "./exports.ts";

/** Paths are relative to the page; a worker started from a Blob has none. */
const pageUrl = (globalThis as { readonly location?: { readonly href: string } }).location?.href;

/** A loaded model; `LLM.load` makes one. */
export type LLM = LoadedLLM;

export const LLM = {
  /**
   * Opens a model and makes it ready to answer. `model` is the URL of a folder with a Hugging Face checkpoint, on a server that honours
   * byte ranges, or a Folder: `openMemoryFolder` makes one of files that a user has picked.
   *
   * Errors have a `code`: "io" (no such file), "bad-file", "unsupported", "bad-request", "out-of-memory", "aborted".
   */
  load: (model: string | URL | Folder, options?: LoadOptions): Promise<LLM> =>
    loadLLM(createBrowserHost(), model, options),
};

/** The parts that a browser has for loading models. */
function createBrowserHost(): Host {
  return {
    backends: [
      lazyBackend("reference", async () =>
        (await import("../backends/reference/reference-backend.ts")).createReferenceBackend(),
      ),
    ],
    locate: async (url) => {
      const folder = await openHttpModel(new URL(url, pageUrl));
      return folder && { folder };
    },
  };
}
