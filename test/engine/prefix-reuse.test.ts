import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { greedySampling } from "../../src/device/sampling.ts";
import { collect, expectIdle, type Outcome } from "../../src/engine/engine-test-kit.ts";
import type { GenerationRequest } from "../../src/engine/engine.ts";
import type { LocalEngine } from "../../src/engine/local-engine.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { openRealModel, reasonToSkip, type RealModel } from "./real-model.ts";

/**
 * Keys and values of a token depend on the tokens before it, and on nothing else: not on the chunk that they were computed in, nor
 * on who computed them. So answers are bit for bit those of an engine that computes everything, log-probabilities included.
 */

const reason = await reasonToSkip();
if (reason !== undefined) console.log(`skipped: ${reason}`);

/** Positions of a page. */
const page = 32;
const vocabSize = 49152;
const random = seededRandom(23);
const randomIds = (length: number): readonly number[] => Array.from({ length }, () => random(vocabSize));

function request(promptIds: readonly number[], seed?: number): GenerationRequest {
  const drawn = { ...greedySampling, temperature: 0.9, topP: 0.95 };
  return {
    promptIds,
    maxTokens: 12,
    stopIds: [],
    topLogprobs: 2,
    sampling: seed === undefined ? greedySampling : { ...drawn, seed },
  };
}

/** What can be compared: all but times, and the tokens that were cached. */
const said = ({ ids, logprobs }: Outcome): unknown => ({ ids, logprobs });

describe.skipIf(reason !== undefined).each(["f32", "int8"] as const)("%s activations", (activations) => {
  let model: RealModel;
  let computing: LocalEngine;
  const alone = async (asked: GenerationRequest): Promise<unknown> => said(await collect(computing.generate(asked)));
  beforeAll(async () => {
    model = await openRealModel({ threads: 1, activations });
    computing = await model.openEngine({
      maxTokens: 512,
      maxSequences: 1,
      pageCount: 16,
      contextLength: 512,
      prefixReuse: false,
    });
  });
  afterAll(async () => {
    await computing[Symbol.asyncDispose]();
    await model[Symbol.asyncDispose]();
  });

  test("every turn of a conversation computes what is new", async () => {
    await using engine = await model.openEngine({ maxTokens: 48, maxSequences: 2, pageCount: 16, contextLength: 512 });
    let history: readonly number[] = [];
    let known = 0;
    for (const [turn, length] of [70, 5, 40, 1, 64].entries()) {
      const asked = request([...history, ...randomIds(length)], turn === 2 ? 7 : undefined);
      const outcome = await collect(engine.generate(asked));
      expect(said(outcome)).toEqual(await alone(asked));
      expect(outcome.finished.usage.cachedTokens).toBe(known - (known % page));
      history = [...asked.promptIds, ...outcome.ids];
      known = history.length - 1; // the last token was never computed
    }
    expect(engine.checkIntegrity()).toBe(true);
    expect(await engine.stats()).toMatchObject({ pagesUsed: 0, pagesCached: Math.floor(known / page) });
  });

  test("requests that begin alike, together and under pressure, with some that leave", async () => {
    const system = randomIds(75);
    const asked = Array.from({ length: 8 }, (_, i) =>
      request([...system.slice(0, i % 3 === 2 ? 40 : 75), ...randomIds(1 + 9 * (i % 4))], i % 2 === 0 ? undefined : i),
    );
    const expected = await Promise.all(asked.map(alone));
    await using engine = await model.openEngine({ maxTokens: 64, maxSequences: 4, pageCount: 7, contextLength: 200 });
    for (const leaves of [true, false]) {
      const leaving = leaves ? engine.generate(request([...system, 1, 2, 3])) : undefined;
      const outcomes = Promise.all(asked.map((each) => collect(engine.generate(each))));
      if (leaving !== undefined) for await (const event of leaving) if (event.type === "token") break;
      expect((await outcomes).map(said)).toEqual(expected);
      const cached = (await outcomes).map(({ finished }) => finished.usage.cachedTokens);
      expect(cached.filter((count) => count > 0).length).toBeGreaterThan(asked.length / 2);
      await expectIdle(engine);
      expect(engine.checkIntegrity()).toBe(true);
    }
    // One that needs every page leaves none of the others'.
    const whole = request(randomIds(199));
    expect((await collect(engine.generate(whole))).finished.usage.cachedTokens).toBe(0);
    expect((await engine.stats()).pagesCached).toBe(6);
    expect(said(await collect(engine.generate(asked[0])))).toEqual(expected[0]);
  });
});
