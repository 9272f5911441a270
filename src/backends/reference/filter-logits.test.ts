import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { samplingStep, type SamplingRow } from "../../../test/conformance/sampling-step.ts";
import type { SamplingParameters } from "../../device/sampling.ts";
import { adjustLogits, filterLogits, type Distribution } from "./filter-logits.ts";

function filtered(logits: readonly number[], row: SamplingRow): Distribution {
  const step = samplingStep([{ temperature: 0.1, topK: 1 }, row], logits.length);
  return filterLogits(adjustLogits(Float32Array.from(logits), step, 1), step, 1);
}

describe("agrees with transformers", () => {
  interface Case {
    readonly params: Readonly<Record<string, unknown>>;
    readonly prompt_ids: readonly number[];
    readonly output_ids: readonly number[];
    readonly logits: readonly (number | null)[];
    readonly probs: readonly (readonly [id: number, probability: number])[];
  }
  const path = new URL("../../../test/fixtures/sampling.json", import.meta.url);
  const { cases } = JSON.parse(readFileSync(path, "utf8")) as { readonly cases: readonly Case[] };
  const names: Readonly<Record<string, keyof SamplingParameters>> = {
    temperature: "temperature",
    top_k: "topK",
    top_p: "topP",
    min_p: "minP",
    typical_p: "typicalP",
    repetition_penalty: "repetitionPenalty",
    presence_penalty: "presencePenalty",
    frequency_penalty: "frequencyPenalty",
  };

  test.each(cases.map((each) => [JSON.stringify(each.params), each] as const))("%s", (_, each) => {
    const { logit_bias: bias = {}, ...scalars } = each.params;
    const parameters = Object.entries(scalars).map(([name, value]) => [names[name], value]);
    const { ids, probabilities } = filtered(
      each.logits.map((logit) => logit ?? -Infinity),
      {
        ...(Object.fromEntries(parameters) as Partial<SamplingParameters>),
        logitBias: Object.entries(bias as Record<string, number>).map(([id, value]) => [Number(id), value]),
        promptIds: each.prompt_ids,
        outputIds: each.output_ids,
      },
    );
    // transformers computes in f32, where one biased id of the cases has no probability left: e^-104 is below the least f32.
    const expected = new Map(each.probs);
    expect([...ids].filter((_, i) => Math.fround(probabilities[i]) > 0)).toEqual([...expected.keys()]);
    ids.forEach((id, i) => expect(Math.abs(probabilities[i] - (expected.get(id) ?? 0))).toBeLessThan(1e-5));
  });
});

describe("filterLogits", () => {
  test.each<[string, readonly number[], SamplingRow, readonly number[]]>([
    ["temperature 0 is the likeliest", [1, 3, 2], { temperature: 0 }, [1]],
    ["temperature 0 takes the lowest id among equals", [1, 3, 2, 3], { temperature: 0 }, [1]],
    ["temperature 0 comes after bias", [1, 3, 2], { temperature: 0, logitBias: [[2, 5]] }, [2]],
    ["temperature 0 comes after penalties", [2, 3], { temperature: 0, promptIds: [1], repetitionPenalty: 2 }, [0]],
    ["top-k keeps ties of the k-th", [5, 1, 3, 3, 3], { topK: 2 }, [0, 2, 3, 4]],
    ["top-k of more than there are", [5, 1, 3], { topK: 9 }, [0, 1, 2]],
    ["top-p 0 keeps one", [5, 6, 3], { topP: 0 }, [1]],
    ["top-p stops where the sum is reached exactly", [0, 0, 0, 0], { topP: 0.5 }, [0, 1]],
    ["top-p counts what top-k left as the whole", [0, 0, 0, 0, -9], { topK: 4, topP: 0.75 }, [0, 1, 2]],
    ["min-p 1 keeps the likeliest and its equals", [2, 1, 2], { minP: 1 }, [0, 2]],
    [
      "typical-p can drop the likeliest",
      [0.4, ...new Array<number>(60).fill(0.01)].map(Math.log),
      { typicalP: 0.295 },
      range(1, 30),
    ],
    ["impossible tokens are never kept", [-Infinity, 1, -Infinity], {}, [1]],
    ["a mask leaves what it allows", [9, 1, 2], { allowedIds: [1, 2] }, [1, 2]],
  ])("%s", (_, logits, row, ids) => {
    expect([...filtered(logits, row).ids]).toEqual(ids);
  });

  test("a tiny temperature neither overflows nor divides by nothing", () => {
    const { ids, probabilities } = filtered([3e38, 1, -3e38], { temperature: 1e-38 });
    expect([...ids]).toEqual([0, 1, 2]);
    expect([...probabilities]).toEqual([1, 0, 0]);
  });
});

test("adjustLogits: penalties by their formulas, once for each id", () => {
  const row = {
    promptIds: [0, 1, 1],
    outputIds: [1, 2, 2],
    repetitionPenalty: 2,
    presencePenalty: 0.5,
    frequencyPenalty: 0.25,
  };
  const adjusted = adjustLogits(Float32Array.of(4, -4, 4, 4), samplingStep([row], 4), 0);
  expect([...adjusted]).toEqual([2, -8 - 0.5 - 0.25, 2 - 0.5 - 0.5, 4]);
});

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
