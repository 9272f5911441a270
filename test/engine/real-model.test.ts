import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { greedySampling } from "../../src/device/sampling.ts";
import type { Engine, GenerationRequest } from "../../src/engine/engine.ts";
import { collect, expectIdle } from "../../src/engine/engine-test-kit.ts";
import type { LocalEngine } from "../../src/engine/local-engine.ts";
import { yieldToLoop } from "../../src/util/yield-to-loop.ts";
import { createNodeHost } from "../../src/entry/node.ts";
import { fixtures } from "../support/fixtures.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { embeddedModel, openRealModel, reasonToSkip, type RealModel } from "./real-model.ts";

/**
 * What a request says does not depend on who runs beside it, on chunks, pages, threads, pre-emption or the process: token by token the
 * same as alone, with f32 activations on the CPU.
 */

const reason = await reasonToSkip();
if (reason !== undefined) console.log(`skipped: ${reason}`);

/** A page has 32 positions. Many answers begin just before its end, so that they need another soon. */
const promptLengths = [1, 2, 9, 25, 27, 30, 31, 32, 33, 58, 60, 63, 64, 65, 90, 130];
const answerLength = 8;
/** Too few for the longest prompts, which therefore come in chunks. */
const stepTokens = 48;

/** Every other one is drawn, by a seed of its own. */
function requests(lengths: readonly number[], vocabSize: number, maxTokens = answerLength): GenerationRequest[] {
  const random = seededRandom(11);
  return lengths.map((length, i) => ({
    promptIds: Array.from({ length }, () => random(vocabSize)),
    maxTokens,
    stopIds: [],
    sampling:
      i % 2 === 0 ? greedySampling : { ...greedySampling, temperature: 0.9, topP: 0.95, topK: 200, seed: 100 + i },
  }));
}

const runTogether = async (engine: Engine, asked: readonly GenerationRequest[]): Promise<(readonly number[])[]> =>
  (await Promise.all(asked.map((each) => collect(engine.generate(each))))).map(({ ids }) => ids);

/** One after the other, each in a single chunk with pages to spare. */
async function runAlone(model: RealModel, asked: readonly GenerationRequest[]): Promise<(readonly number[])[]> {
  await using engine = await model.openEngine({ maxTokens: 256, maxSequences: 1, pageCount: 10, contextLength: 256 });
  const answers: (readonly number[])[] = [];
  for (const each of asked) answers.push(...(await runTogether(engine, [each])));
  return answers;
}

describe.skipIf(reason !== undefined)("the model of the repository", () => {
  const asked = requests(promptLengths, 49152);
  let model: RealModel;
  let alone: (readonly number[])[];
  beforeAll(async () => {
    model = await openRealModel({ threads: 1 });
    alone = await runAlone(model, asked);
  });
  afterAll(() => model[Symbol.asyncDispose]());

  test("16 requests at once say what each says alone", async () => {
    await using engine = await model.openEngine({
      maxTokens: stepTokens,
      maxSequences: 16,
      pageCount: 64,
      contextLength: 256,
    });
    expect(await runTogether(engine, asked)).toEqual(alone);
    const { steps, preemptions } = await engine.stats();
    expect(preemptions).toBe(0);
    // All prompts fit into some 16 steps, and the answers run beside them: far fewer than one after the other.
    expect(steps).toBeLessThan((asked.length * answerLength) / 2);
    await expectIdle(engine);
  });

  test("the same where pages are few: requests wait, and are pre-empted", async () => {
    // Answers over two ends of pages: the scheduler keeps one free page for every running sequence, not two.
    const long = requests([31, 30, 29], 49152, 37);
    const [few, answered] = [asked.slice(0, 8), alone.slice(0, 8)];
    const longAlone = await runAlone(model, long);
    await using engine = await model.openEngine({
      maxTokens: stepTokens,
      maxSequences: 8,
      pageCount: 7,
      contextLength: 128,
    });
    const answers = runTogether(engine, [...long, ...few]);
    expect((await engine.stats()).waiting).toBe(long.length + few.length);
    expect(await answers).toEqual([...longAlone, ...answered]);
    expect((await engine.stats()).preemptions).toBeGreaterThan(0);
    await expectIdle(engine);
    expect(engine.checkIntegrity()).toBe(true);
  });

  test.each([2, 3])("the same with %i threads", async (threads) => {
    await using other = await openRealModel({ threads });
    await using engine = await other.openEngine({
      maxTokens: stepTokens,
      maxSequences: 16,
      pageCount: 64,
      contextLength: 256,
    });
    expect(await runTogether(engine, asked)).toEqual(alone);
    await expectIdle(engine);
  });

  test("requests that come and go in random orders", async () => {
    await using engine = await model.openEngine({
      maxTokens: stepTokens,
      maxSequences: 4,
      pageCount: 9,
      contextLength: 256,
    });
    const short = asked.slice(0, 8);
    for (let seed = 0; seed < 4; seed++) await runRandomOrder(engine, short, alone, seed);
  });

  const child = join(import.meta.dirname, "..", "..", "dist", "engine-child.mjs");
  if (!existsSync(child)) console.log("skipped: there is no dist/, npm run build makes it");
  test.skipIf(!existsSync(child))("the same in a process of its own", async () => {
    const options = { backend: "cpu", threads: 2, activations: "f32", stepTokens, maxSequences: 8 } as const;
    const { spawnEngine } = createNodeHost();
    await using engine = await spawnEngine!({ model: embeddedModel, engine: options }, {});
    expect(await runTogether(engine, asked.slice(0, 10))).toEqual(alone.slice(0, 10));
    await expectIdle(engine);
  });
});

describe.skipIf(reason !== undefined)("a small model", () => {
  const orders = 200;
  const asked = requests([1, 5, 20, 30, 31, 32, 33, 40, 50, 60, 64, 70], 320, 48);

  test(`${orders} random orders of submitting and leaving`, async () => {
    const folder = join(fixtures, "models", "gptq-4b-g128-asym-actorder");
    await using model = await openRealModel({ threads: 1, folder });
    const alone = await runAlone(model, asked);
    await using engine = await model.openEngine({
      maxTokens: 24,
      maxSequences: 5,
      pageCount: 6,
      contextLength: 128,
    });
    let whole = 0;
    for (let seed = 0; seed < orders; seed++) whole += await runRandomOrder(engine, asked, alone, seed);
    // Else the readers were too impatient, or the pages too many, for this to test anything.
    expect(whole).toBeGreaterThan(orders);
    expect((await engine.stats()).preemptions).toBeGreaterThan(orders / 4);
  });
});

/** Six requests at random moments; some are left or aborted on the way. How many ended by themselves. */
async function runRandomOrder(
  engine: LocalEngine,
  asked: readonly GenerationRequest[],
  alone: readonly (readonly number[])[],
  seed: number,
): Promise<number> {
  const random = seededRandom(seed);
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const [delay, which, manner, patience] = [random(12), random(asked.length), random(4), random(10)];
      for (let turns = 0; turns < delay; turns++) await yieldToLoop();
      return await runImpatiently(engine, asked[which], alone[which], { manner, patience });
    }),
  );
  await expectIdle(engine);
  return outcomes.filter((isWhole) => isWhole).length;
}

/** Manner 0 aborts when patience is over, whatever is under way then; 1 leaves after that many tokens; others read all. */
async function runImpatiently(
  engine: LocalEngine,
  request: GenerationRequest,
  expected: readonly number[],
  { manner, patience }: { readonly manner: number; readonly patience: number },
): Promise<boolean> {
  const abort = new AbortController();
  const ids: number[] = [];
  let isWhole = false;
  if (manner === 0)
    void (async () => {
      for (let turns = 0; turns < patience; turns++) await yieldToLoop();
      abort.abort();
    })();
  for await (const event of engine.generate(request, abort.signal)) {
    expect(engine.checkIntegrity()).toBe(true);
    if (event.type === "token") ids.push(event.id);
    if (event.type === "finished") isWhole = event.reason === "length";
    if (manner === 1 && ids.length > patience) break;
  }
  expect(engine.checkIntegrity()).toBe(true);
  expect(ids).toEqual(expected.slice(0, ids.length));
  if (isWhole) expect(ids).toHaveLength(request.maxTokens);
  return isWhole;
}
