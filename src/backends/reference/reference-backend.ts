import type { Backend } from "../../device/backend.ts";
import { chooseDtype } from "../../device/choose-dtype.ts";
import { UnsupportedError } from "../../util/errors.ts";
import { ReferenceDevice } from "./reference-device.ts";

/** Every op as a plain loop in TypeScript: the oracle of the other backends and, at a few tokens a second, the last resort. */
export function createReferenceBackend(): Backend {
  return {
    name: "reference",
    probe: async () => ({
      name: "reference",
      available: true,
      detail: "plain TypeScript, 1 thread, for checking only",
    }),
    open: async ({ activations = "f32", cacheType = "f32", headType = "keep", ...options } = {}) => {
      // `threads` is an upper bound, which one thread keeps; these change results, so that ignoring them would be a lie.
      for (const [option, value] of Object.entries({ activations, cacheType }))
        if (value !== "f32")
          throw new UnsupportedError(
            `the reference backend has neither quantized activations nor a cache of halves: ${option} ${value} needs another backend`,
          );
      if (headType !== "keep")
        throw new UnsupportedError(
          `the reference backend keeps heads as they are: headType ${headType} needs another backend`,
        );
      return new ReferenceDevice(chooseDtype("reference", ["f32", "f16", "bf16"], options));
    },
  };
}
