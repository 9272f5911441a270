import type { Backend } from "../device/backend.ts";
import type { Engine } from "../engine/engine.ts";
import type { ReadOverrides } from "../checkpoint/checkpoint.ts";
import type { CompileElsewhere } from "../text/grammar/grammar-cache.ts";
import type { Hub } from "../hub/hub.ts";
import type { Folder } from "../io/folder.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { LoadOptions } from "./load-options.ts";

/** What differs between Node and a browser, built once in `entry/`: all that is concrete comes in through here. */
export interface Host {
  /** Best first: the order in which "auto" tries them. */
  readonly backends: readonly Backend[];
  /** Finds what a user's path or URL names; undefined: there is nothing. Throws IoError for what is there and cannot be read. */
  locate(path: string): Promise<ModelLocation | undefined>;
  /** What is loaded where no model is named: a path, or an id on the Hub. */
  readonly defaultModel?: string;
  /** Absent: models come from the disk only. */
  readonly hub?: Hub;
  /** Absent: grammars are compiled in the thread that asks for them. */
  readonly compileGrammar?: CompileElsewhere | undefined;
  /** Runs an engine in a process of its own, which is started again when it crashes. Absent: there are none here. */
  readonly spawnEngine?: (
    options: SpawnOptions,
    { signal, onProgress, onWarning, stepTimeoutMs }: SpawnContext,
  ) => Promise<Engine>;
}

/** What stays with the process that has the engine's. */
export type SpawnContext = Pick<LoadOptions, "signal" | "onProgress" | "onWarning" | "stepTimeoutMs">;

/** A folder with a model, and which of its files the user meant, where the folder may hold several. */
export interface ModelLocation {
  readonly folder: Folder;
  readonly file?: string;
  /** Where the model is on the disk, if what the user calls it is no path: another process opens it by this. */
  readonly path?: string;
}

/** What a process needs to load a model by itself. Plain data. */
export interface SpawnOptions extends ReadOverrides {
  readonly model: string;
  readonly engine: EngineOptions;
}
