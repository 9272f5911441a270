import { expect, test } from "vitest";
import { samplingDefaults } from "./sampling-defaults.ts";

test.each([
  ["nothing said", {}, { temperature: 0.7, topP: 0.95 }],
  ["greedy", { do_sample: false, temperature: 0.6 }, { temperature: 0 }],
  ["sampling without numbers", { do_sample: true }, { temperature: 1 }],
  [
    "Qwen2.5",
    { do_sample: true, temperature: 0.7, top_k: 20, top_p: 0.8, repetition_penalty: 1.05 },
    { temperature: 0.7, topK: 20, topP: 0.8, repetitionPenalty: 1.05 },
  ],
  ["numbers without do_sample", { top_p: 0.9 }, { temperature: 1, topP: 0.9 }],
  ["only a penalty", { repetition_penalty: 1.1 }, { temperature: 0.7, topP: 0.95, repetitionPenalty: 1.1 }],
  ["null and off", { do_sample: true, temperature: null, top_k: -1 }, { temperature: 1 }],
])("%s", (_, config, expected) => {
  const warnings: string[] = [];
  expect(samplingDefaults(config, (message) => warnings.push(message))).toEqual(expected);
  expect(warnings).toEqual([]);
});

test.each([
  { temperature: -1 },
  { top_k: 1.5 },
  { top_p: 0 },
  { top_p: "0.9" },
  { repetition_penalty: Infinity },
  { min_p: [] },
])("%j is ignored with a warning", (config) => {
  const warnings: string[] = [];
  expect(samplingDefaults(config, (message) => warnings.push(message))).toEqual({ temperature: 0.7, topP: 0.95 });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(Object.keys(config)[0]);
});
