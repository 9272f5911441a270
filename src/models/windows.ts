import type { ConfigReader } from "./config-reader.ts";
import { caps } from "./decoder-config.ts";

/** `sliding_window`: positions that a token sees, its own included; undefined: all. */
export function readWindow(config: ConfigReader): number | undefined {
  return config.optionalInteger("sliding_window", caps.positions);
}

/**
 * The window of every layer, as Qwen states it: none unless `use_sliding_window`, whatever `sliding_window` says. Then `layer_types`
 * says which layers have it, and without that key those from `max_window_layers` on.
 */
export function readLayerWindows(config: ConfigReader, layerCount: number): readonly (number | undefined)[] {
  const isUsed = config.boolean("use_sliding_window", false);
  // Missing keys stand for the class's defaults, but a window of null for none.
  const window = !isUsed ? undefined : config.has("sliding_window") ? readWindow(config) : 4096;
  const types = config.optionalStrings("layer_types");
  if (types === undefined) {
    const firstWindowed = config.integer("max_window_layers", { min: 0, max: 2 ** 27 }, 28);
    return Array.from({ length: layerCount }, (_, i) => (i >= firstWindowed ? window : undefined));
  }
  if (types.length !== layerCount) config.fail("layer_types", `one entry for each of ${layerCount} layers`);
  return types.map((type) => {
    if (type === "full_attention") return undefined;
    if (type !== "sliding_attention") config.refuse("layer_types", "full_attention and sliding_attention", type);
    return window ?? config.fail("sliding_window", "a number that use_sliding_window turns on, as layer_types has it");
  });
}
