import { setTimeout as delay } from "node:timers/promises";
import { UnsupportedError } from "../util/errors.ts";
import { nullEngine } from "./engine-test-kit.ts";
import { serveChild } from "./serve-child.node.ts";

/** How the child that the tests start is to behave. */
export interface NullEngineChildOptions {
  readonly openDelayMs?: number;
  readonly stepDelayMs?: number;
  /** Opening fails with this message. */
  readonly refusal?: string;
  /** The first step never ends, nor does anything else happen in the process. */
  readonly hangs?: boolean;
}

serveChild(async ({ openDelayMs = 0, stepDelayMs = 0, refusal, hangs }: NullEngineChildOptions, onProgress) => {
  onProgress?.({ phase: "read", bytesDone: 1, bytesTotal: 2 });
  await delay(openDelayMs);
  if (refusal !== undefined) throw new UnsupportedError(refusal);
  return nullEngine({
    beforeStep: async () => {
      while (hangs);
      await delay(stepDelayMs);
    },
  });
});
