import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../util/errors.ts";
import { ConfigReader } from "./config-reader.ts";
import { readLayerWindows } from "./windows.ts";

const read = (config: object) => readLayerWindows(new ConfigReader(config, "config.json"), 4);
const none = [undefined, undefined, undefined, undefined];

describe("readLayerWindows", () => {
  test("a window that is not in use is none", () => {
    expect(read({ use_sliding_window: false, sliding_window: 8, max_window_layers: 1 })).toEqual(none);
    expect(read({ sliding_window: 8, max_window_layers: 1 })).toEqual(none);
    expect(read({ use_sliding_window: true, sliding_window: null, max_window_layers: 1 })).toEqual(none);
  });

  test("layers from max_window_layers on have it", () => {
    const config = { use_sliding_window: true, sliding_window: 8, max_window_layers: 2 };
    expect(read(config)).toEqual([undefined, undefined, 8, 8]);
    expect(read({ use_sliding_window: true, max_window_layers: 3 })).toEqual([undefined, undefined, undefined, 4096]);
  });

  test("layer_types goes before max_window_layers", () => {
    const types = ["sliding_attention", "full_attention", "full_attention", "sliding_attention"];
    const config = { use_sliding_window: true, sliding_window: 8, max_window_layers: 2, layer_types: types };
    expect(read(config)).toEqual([8, undefined, undefined, 8]);
  });

  test("layer_types that make no sense are refused", () => {
    const full = ["full_attention", "full_attention", "full_attention"];
    expect(() => read({ layer_types: full })).toThrow(FormatError);
    expect(() => read({ layer_types: full })).toThrow("layer_types: expected one entry for each of 4 layers");
    expect(() => read({ layer_types: [...full, "sliding_attention"] })).toThrow("sliding_window: expected a number");
    const chunked = () => read({ layer_types: [...full, "chunked_attention"] });
    expect(chunked).toThrow(UnsupportedError);
    expect(chunked).toThrow('layer_types: "chunked_attention" is not supported');
  });
});
