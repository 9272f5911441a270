import type { ConfigReader } from "./config-reader.ts";
import { caps } from "./decoder-config.ts";

/**
 * `sliding_window`: positions that a token sees, its own included; undefined: all, which null means. A missing key stands for the
 * class's own, `fallback`.
 */
export function readWindow(config: ConfigReader, fallback?: number): number | undefined {
  return config.optionalInteger("sliding_window", caps.positions) ?? (config.has("sliding_window") ? undefined : fallback);
}

/**
 * The window of every layer, as Qwen states it: none unless `use_sliding_window`, whatever `sliding_window` says. Then `layer_types`
 * says which layers have it, and without that key those from `max_window_layers` on.
 */
export function readLayerWindows(config: ConfigReader, layerCount: number): readonly (number | undefined)[] {
  const isUsed = config.boolean("use_sliding_window", false);
  const window = isUsed ? readWindow(config, 4096) : undefined;
  const firstWindowed = config.integer("max_window_layers", { min: 0, max: 2 ** 27 }, 28);
  const isWindowed = (i: number): boolean => window !== undefined && i >= firstWindowed;
  return readLayerTypes(config, layerCount, isWindowed).map((windowed) =>
    windowed
      ? (window ?? config.fail("sliding_window", "a number that use_sliding_window turns on, as layer_types has it"))
      : undefined,
  );
}

/** For every layer whether it has the window: as `layer_types` says, or where there is none as the class has it. */
export function readLayerTypes(
  config: ConfigReader,
  layerCount: number,
  isWindowed: (layer: number) => boolean,
): readonly boolean[] {
  const types = config.optionalStrings("layer_types");
  if (types === undefined) return Array.from({ length: layerCount }, (_, i) => isWindowed(i));
  if (types.length !== layerCount) config.fail("layer_types", `one entry for each of ${layerCount} layers`);
  return types.map((type) => {
    if (type !== "full_attention" && type !== "sliding_attention")
      config.refuse("layer_types", "full_attention and sliding_attention", type);
    return type === "sliding_attention";
  });
}
