import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { defaultThreads } from "../../src/backends/cpu/default-threads.node.ts";
import { greedySampling } from "../../src/device/sampling.ts";
import { collect, expectIdle } from "../../src/engine/engine-test-kit.ts";
import type { GenerationRequest } from "../../src/engine/engine.ts";
import type { LocalEngine } from "../../src/engine/local-engine.ts";
import { fixtures } from "../support/fixtures.ts";
import { openRealModel, reasonToSkip, type RealModelOptions } from "./real-model.ts";

const reason = await reasonToSkip();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const folder = join(fixtures, "models", "gptq-4b-g128-asym-actorder");
const limits = { maxTokens: 32, maxSequences: 2, pageCount: 8, contextLength: 128 };
const request = (first: number): GenerationRequest => ({
  promptIds: Array.from({ length: 40 }, (_, i) => (first + 7 * i) % 320),
  maxTokens: 30,
  stopIds: [],
  sampling: greedySampling,
});

/** Opens models one after the other, each with an engine, for as long as `use` takes. */
async function withEngines(
  options: readonly Omit<RealModelOptions, "folder">[],
  use: (engines: readonly LocalEngine[]) => Promise<void>,
  opened: readonly LocalEngine[] = [],
): Promise<void> {
  const [first, ...others] = options;
  if (first === undefined) return use(opened);
  await using model = await openRealModel({ ...first, folder });
  await using engine = await model.openEngine(limits);
  await withEngines(others, use, [...opened, engine]);
}

describe.skipIf(reason !== undefined)("several models in one process", () => {
  test("say what each says alone, whether their threads are shared or their own", async () => {
    const asked = [1, 2, 3, 4].map(request);
    await withEngines([{}, {}, { threads: 2 }, {}], async (engines) => {
      const alone: (readonly number[])[] = [];
      for (const each of asked) alone.push((await collect(engines[0].generate(each))).ids);
      const together = await Promise.all(
        engines.flatMap((engine) => asked.map(async (each) => (await collect(engine.generate(each))).ids)),
      );
      expect(together).toEqual(engines.flatMap(() => alone));
      for (const engine of engines) await expectIdle(engine);
    });
  });

  const tasks = "/proc/self/task";
  if (!existsSync(tasks)) console.log(`skipped: there is no ${tasks} to count threads in`);
  test.skipIf(!existsSync(tasks))("share their threads unless told otherwise, and end them with the last", async () => {
    const threads = (): number => readdirSync(tasks).length;
    await withEngines([{ threads: 1 }], async ([engine]) => {
      // Node starts threads of its own for the first steps.
      await Promise.all([1, 2, 3, 4].map((first) => collect(engine.generate(request(first)))));
    });
    const before = threads();
    await withEngines([{}], async () => {
      expect(threads()).toBe(before + defaultThreads() - 1);
      await withEngines([{}, {}], async () => expect(threads()).toBe(before + defaultThreads() - 1));
      await withEngines([{ threads: 3 }, { threads: 3 }], async () =>
        expect(threads()).toBe(before + defaultThreads() - 1 + 4),
      );
      expect(threads()).toBe(before + defaultThreads() - 1);
    });
    expect(threads()).toBe(before);
  });
});
