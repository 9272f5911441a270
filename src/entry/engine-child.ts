/** The program of a child process with an engine in it; `createNodeHost().spawnEngine` starts it. */
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import { serveChild } from "../engine/serve-child.node.ts";
import type { SpawnOptions } from "../llm/host.ts";
import { loadEngine } from "../llm/load-engine.ts";
import { loadTokenizer } from "../llm/load-tokenizer.ts";
import { locateModel } from "../llm/locate-model.ts";
import { once } from "../util/warn-once.ts";
import { createNodeHost } from "./node.ts";

serveChild(async ({ model, engine, checkpointFormat, transposed }: SpawnOptions, onProgress) => {
  const host = createNodeHost();
  const warn = once((message) => console.warn(`fewbit: ${message}`));
  const { folder, file } = await locateModel(host, model);
  const open = () =>
    openCheckpoint(folder, { warn, ...(file !== undefined && { file }), checkpointFormat, transposed });
  const tokenBytes = async () => {
    await using checkpoint = await open();
    return (await loadTokenizer(folder, checkpoint.embeddedText(), undefined))?.tokenBytes();
  };
  await using checkpoint = await open();
  return await loadEngine({ backends: host.backends, checkpoint, engine, warn, tokenBytes, onProgress });
});
