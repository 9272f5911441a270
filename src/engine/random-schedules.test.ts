import { expect, test } from "vitest";
import { seededRandom } from "../../test/support/seeded-random.ts";
import type { PageKind } from "../device/program.ts";
import { greedySampling } from "../device/sampling.ts";
import type { EngineEvent, GenerationRequest, Usage } from "./engine.ts";
import { collect, expectIdle, nullEngine, runAlone, vocabSize, type NullEngineOptions } from "./engine-test-kit.ts";
import { yieldToLoop } from "../util/yield-to-loop.ts";

/** Caches of every sort, with pages for two or three sequences at a time. */
const configurations: readonly { readonly label: string; readonly options: NullEngineOptions }[] = [
  { label: "full attention", options: { pageCounts: [10] } },
  { label: "pages of one position", options: { pageSize: 1, pageCounts: [40] } },
  { label: "a window", options: { pageKinds: [{ window: 12 }], pageCounts: [6] } },
  { label: "full and windowed", options: { pageKinds: [{}, { window: 5 }, { window: 9 }], pageCounts: [10, 7, 8] } },
  { label: "a rope switch", options: { ropeSwitchLength: 14, pageCounts: [10] } },
  {
    label: "a window and a rope switch",
    options: { ropeSwitchLength: 14, pageKinds: [{}, { window: 7 }] satisfies PageKind[], pageCounts: [10, 8] },
  },
].flatMap(({ label, options }) => [
  { label, options },
  { label: `${label}, running ahead`, options: { ...options, runsAhead: true } },
]);

const seedsPerConfiguration = 40;

test.each(configurations)(
  `${seedsPerConfiguration} random orders of submitting and leaving, with $label`,
  async ({ options }) => {
    let preemptions = 0;
    let completed = 0;
    let cachedTokens = 0;
    for (let seed = 0; seed < seedsPerConfiguration; seed++) {
      const random = seededRandom(seed);
      const beginnings = Array.from({ length: 3 }, () => randomIds(random, 12));
      await using engine = nullEngine({ maxTokens: 8, maxOutputs: 5, contextLength: 40, ...options });
      const outcomes = Array.from({ length: 8 }, async () => {
        for (let turns = random(30); turns > 0; turns--) await yieldToLoop();
        const request = randomRequest(random, beginnings);
        const outcome = await readSome(engine.generate.bind(engine), request, random);
        expect(engine.checkIntegrity()).toBe(true);
        return { request, ...outcome };
      });
      for (const { request, ids, isWhole, usage } of await Promise.all(outcomes)) {
        const alone = (await runAlone(request, { ...options, contextLength: 40 })).ids;
        expect(ids).toEqual(isWhole ? alone : alone.slice(0, ids.length));
        if (isWhole) completed++;
        cachedTokens += usage?.cachedTokens ?? 0;
        expect(usage?.cachedTokens ?? 0).toBeLessThan(request.promptIds.length);
      }
      await expectIdle(engine);
      expect(engine.checkIntegrity()).toBe(true);
      const stats = await engine.stats();
      preemptions += stats.preemptions;
      expect(stats.pagesCached).toBeGreaterThan(0);
      // Every page can still be had, those that are cached too.
      const [last, alone] = [randomRequest(random, beginnings), { ...options, contextLength: 40 }];
      const longest = { ...last, promptIds: randomIds(random, engine.info.contextLength - 1), stopIds: [] };
      expect((await collect(engine.generate(longest))).ids).toEqual((await runAlone(longest, alone)).ids);
      expect(engine.checkIntegrity()).toBe(true);
      // And what is left of them is right.
      expect((await collect(engine.generate(last))).ids).toEqual((await runAlone(last, alone)).ids);
      await expectIdle(engine);
    }
    // Else the pages were too many, or the readers too impatient, for this to test anything.
    expect(preemptions).toBeGreaterThan(seedsPerConfiguration / 4);
    expect(completed).toBeGreaterThan(3 * seedsPerConfiguration);
    expect(cachedTokens).toBeGreaterThan(2 * seedsPerConfiguration);
  },
);

function randomIds(random: (limit: number) => number, length: number): readonly number[] {
  return Array.from({ length }, () => random(vocabSize));
}

/** Most begin as others do, as far as they have the same salt. */
function randomRequest(
  random: (limit: number) => number,
  beginnings: readonly (readonly number[])[],
): GenerationRequest {
  const shared = beginnings[random(beginnings.length)].slice(0, 4 + random(9));
  return {
    promptIds: [...shared, ...randomIds(random, 1 + random(16 - shared.length))],
    cacheSalt: random(8) === 0 ? "another" : "",
    priority: random(4) === 0 ? random(3) - 1 : 0,
    maxTokens: 1 + random(30),
    stopIds: random(3) === 0 ? [random(vocabSize)] : [],
    sampling: { ...greedySampling, temperature: random(2), seed: random(1000), presencePenalty: random(2) },
  };
}

/** Reads the request to its end, or leaves it, or aborts it, before or after some of its events. */
async function readSome(
  generate: (request: GenerationRequest, signal: AbortSignal) => AsyncIterable<EngineEvent>,
  request: GenerationRequest,
  random: (limit: number) => number,
): Promise<{ readonly ids: readonly number[]; readonly isWhole: boolean; readonly usage?: Usage }> {
  const abort = new AbortController();
  const manner = random(4);
  const patience = random(12);
  const ids: number[] = [];
  let seen = 0;
  if (manner === 0) void yieldTimes(patience).then(() => abort.abort());
  for await (const event of generate(request, abort.signal)) {
    if (event.type === "token") ids.push(event.id);
    if (event.type === "finished") return { ids, isWhole: event.reason !== "cancelled", usage: event.usage };
    if (manner === 1 && seen++ === patience) return { ids, isWhole: false };
  }
  throw new Error("the events ended without a finished event");
}

async function yieldTimes(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await yieldToLoop();
}
