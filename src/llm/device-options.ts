import type { DeviceOptions } from "../device/backend.ts";
import type { EngineOptions } from "./engine-options.ts";

/** The part of the options that a backend is opened with. */
export function deviceOptions(options: EngineOptions): DeviceOptions {
  const { threads, activations, cacheType, headType, dtype } = options;
  return {
    ...(threads !== undefined && { threads }),
    ...(activations !== undefined && { activations }),
    ...(cacheType !== undefined && { cacheType }),
    ...(headType !== undefined && { headType }),
    ...(dtype !== undefined && dtype !== "auto" && { dtype }),
  };
}
