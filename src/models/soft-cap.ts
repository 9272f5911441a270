import type { ConfigReader } from "./config-reader.ts";
import { caps } from "./decoder-config.ts";

/** A soft-cap's value; undefined: there is none, which null means. A missing key stands for the class's own, `fallback`. */
export function readSoftCap(config: ConfigReader, key: string, fallback?: number): number | undefined {
  return config.optionalNumber(key, caps.multiplier) ?? (config.has(key) ? undefined : fallback);
}
