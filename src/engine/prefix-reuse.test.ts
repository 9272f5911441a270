import { describe, expect, test } from "vitest";
import type { Step } from "../device/step.ts";
import type { GenerationRequest } from "./engine.ts";
import { collect, expectIdle, nullEngine, request, runAlone, type Outcome } from "./engine-test-kit.ts";
import type { LocalEngine } from "./local-engine.ts";

// Pages of 4 positions. The null device draws tokens from a hash of all that a token sees: text that is equal to that of an engine
// which computes everything has seen the right keys and values.

const ids = (length: number, from = 0): number[] => Array.from({ length }, (_, i) => (from + 3 * i) % 50);

async function checked(engine: LocalEngine, asked: GenerationRequest): Promise<Outcome> {
  const outcome = await collect(engine.generate(asked));
  expect(outcome.ids).toEqual((await runAlone(asked)).ids);
  expect(engine.checkIntegrity()).toBe(true);
  return outcome;
}

const cachedTokens = ({ finished }: Outcome): number => finished.usage.cachedTokens;

describe("one after the other", () => {
  test("the next turn of a conversation computes what is new, and the rest of a page", async () => {
    const tokens: number[] = [];
    await using engine = nullEngine({ beforeStep: (step) => void tokens.push(step.tokens.length) });
    const first = request({ promptIds: ids(9), maxTokens: 6 });
    const { ids: answer } = await checked(engine, first);
    tokens.length = 0;
    // 9 + 6 tokens, of which the last one was never computed: 14 positions, three whole pages.
    const second = request({ promptIds: [...first.promptIds, ...answer, ...ids(5, 7)], maxTokens: 1 });
    const { finished } = await checked(engine, second);
    expect(finished.usage).toEqual({ promptTokens: 20, cachedTokens: 12, completionTokens: 1 });
    expect(tokens).toEqual([8]);
    await expectIdle(engine);
    expect((await engine.stats()).pagesCached).toBe(5);
  });

  test("the same prompt again computes its last token at least, which is what the answer comes from", async () => {
    for (const length of [1, 3, 4, 5, 8, 16]) {
      await using engine = nullEngine();
      const asked = request({ promptIds: ids(length), maxTokens: 3 });
      await checked(engine, asked);
      expect(cachedTokens(await checked(engine, asked))).toBe(4 * Math.floor((length - 1) / 4));
    }
  });

  test("only within a salt, and not where it is switched off", async () => {
    const asked = request({ promptIds: ids(10), maxTokens: 1 });
    await using engine = nullEngine();
    const salts = ["", "a", "b", "a", undefined];
    const cached: number[] = [];
    for (const cacheSalt of salts)
      cached.push(cachedTokens(await checked(engine, { ...asked, ...(cacheSalt !== undefined && { cacheSalt }) })));
    expect(cached).toEqual([0, 0, 0, 8, 8]);
    await using without = nullEngine({ prefixReuse: false });
    await checked(without, asked);
    expect(cachedTokens(await checked(without, asked))).toBe(0);
    expect((await without.stats()).pagesCached).toBe(0);
  });

  test("a request that needs every page gets those that are cached, and finds its own beginning", async () => {
    await using engine = nullEngine({ pageCounts: [6], contextLength: 24 });
    for (const from of [0, 1, 2]) await checked(engine, request({ promptIds: ids(8, from), maxTokens: 1 }));
    expect(await engine.stats()).toMatchObject({ pagesUsed: 0, pagesCached: 6, pagesTotal: 6 });
    expect(cachedTokens(await checked(engine, request({ promptIds: [...ids(8, 1), 1], maxTokens: 15 })))).toBe(8);
    expect(cachedTokens(await checked(engine, request({ promptIds: ids(8, 0), maxTokens: 1 })))).toBe(0);
  });

  test("a request that was left leaves what it had computed", async () => {
    await using engine = nullEngine();
    const asked = request({ promptIds: ids(40), maxTokens: 20 });
    for await (const event of engine.generate(asked)) if (event.type === "token") break;
    await expectIdle(engine);
    expect(cachedTokens(await checked(engine, asked))).toBe(36);
  });
});

describe("side by side", () => {
  test("what several begin with is computed once, also when they come together, and is held once", async () => {
    let computed = 0;
    let mostPages = 0;
    await using engine = nullEngine({
      maxSequences: 8,
      pageCounts: [64],
      beforeStep: async ({ tokens }) => {
        computed += tokens.length;
        mostPages = Math.max(mostPages, (await engine.stats()).pagesUsed);
      },
    });
    const asked = Array.from({ length: 8 }, (_, i) => request({ promptIds: [...ids(32), i], maxTokens: 1 }));
    const outcomes = await Promise.all(asked.map((each) => checked(engine, each)));
    expect(outcomes.map(cachedTokens)).toEqual([0, 32, 32, 32, 32, 32, 32, 32]);
    expect([computed, mostPages]).toEqual([32 + 8, 8 + 8]);
  });

  test("pages that others hold do not count when a request is admitted", async () => {
    // Pages for one whole prompt of 24, and 2 more each.
    await using engine = nullEngine({ pageCounts: [12], maxSequences: 4 });
    const asked = Array.from({ length: 3 }, (_, i) => request({ promptIds: [...ids(24), i], maxTokens: 2 }));
    const started = asked.map((each) => checked(engine, each));
    await Promise.all(started);
    // Two steps for the prompt, one for the others' tokens beside the first's second one, one more.
    expect(await engine.stats()).toMatchObject({ steps: 4, preemptions: 0 });
  });

  test("a pre-empted request goes on behind its pages that are still there", async () => {
    const asked = [0, 1].map((from) => request({ promptIds: ids(10, from), maxTokens: 14 }));
    const computedWith = async (prefixReuse: boolean): Promise<number> => {
      let computed = 0;
      const beforeStep = ({ tokens }: Step): void => void (computed += tokens.length);
      await using engine = nullEngine({ pageCounts: [10], contextLength: 40, prefixReuse, beforeStep });
      const outcomes = await Promise.all(asked.map((each) => checked(engine, each)));
      expect((await engine.stats()).preemptions).toBe(1);
      // What was computed before it was pre-empted is no gift of another request.
      expect(outcomes.map(cachedTokens)).toEqual([0, 0]);
      return computed;
    };
    const known = asked.length * (10 + 14 - 1);
    expect(await computedWith(false)).toBeGreaterThan(known + 10);
    // Less than a page again.
    expect(await computedWith(true)).toBeLessThan(known + 4);
  });
});

test.each([["a".repeat(257)], [5]])("a salt of %j is refused", async (cacheSalt) => {
  await using engine = nullEngine();
  await expect(collect(engine.generate(request({ cacheSalt: cacheSalt as string })))).rejects.toThrow("cacheSalt is");
});
