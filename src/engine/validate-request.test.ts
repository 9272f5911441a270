import { expect, test } from "vitest";
import { greedySampling, type SamplingParameters } from "../device/sampling.ts";
import { RequestError } from "../util/errors.ts";
import { request } from "./engine-test-kit.ts";
import { validateRequest } from "./validate-request.ts";

const sampling = (parts: Partial<SamplingParameters>) => ({ sampling: { ...greedySampling, ...parts } });

test.each([
  request(),
  request({ maxTokens: 1, topLogprobs: 20, stopIds: [0, 49] }),
  request(
    sampling({ temperature: 2, topK: 5, topP: 0, minP: 1, typicalP: 0.5, repetitionPenalty: 1e-3, seed: -(2 ** 52) }),
  ),
  request(sampling({ presencePenalty: -2, frequencyPenalty: 2, logitBias: [[0, -100], [49, 100]] })), // prettier-ignore
])("accepts %j", (legal) => {
  expect(() => validateRequest(legal, 50)).not.toThrow();
});

test.each([
  [request({ promptIds: [] }), "the prompt has no tokens; it must have at least one"],
  [request({ promptIds: [1, 50] }), "promptIds[1] is 50; it must be a token id, an integer from 0 to 49"],
  [request({ promptIds: [-1] }), "promptIds[0] is -1"],
  [request({ promptIds: [0.5] }), "promptIds[0] is 0.5"],
  [request({ stopIds: [NaN] }), "stopIds[0] is NaN"],
  [request({ maxTokens: 0 }), "maxTokens is 0; it must be an integer, at least 1"],
  [request({ maxTokens: Infinity }), "maxTokens is Infinity"],
  [request({ topLogprobs: 21 }), "topLogprobs is 21; it must be an integer from 0 to 20"],
  [request(sampling({ temperature: NaN })), "temperature is NaN"],
  [request(sampling({ temperature: 1e39 })), "temperature is 1e+39"], // infinite as f32
  [request(sampling({ topK: 2 ** 31 })), "topK is 2147483648"],
  [request(sampling({ topP: 1.01 })), "topP is 1.01"],
  [request(sampling({ minP: -0.1 })), "minP is -0.1"],
  [request(sampling({ typicalP: NaN })), "typicalP is NaN"],
  [request(sampling({ repetitionPenalty: 1e-60 })), "repetitionPenalty is 1e-60"], // zero as f32
  [request(sampling({ presencePenalty: Infinity })), "presencePenalty is Infinity"],
  [request(sampling({ frequencyPenalty: NaN })), "frequencyPenalty is NaN"],
  [request(sampling({ seed: 2 ** 53 })), "seed is 9007199254740992"],
  [request(sampling({ logitBias: [[50, 1]] })), "logitBias's token is 50; it must be a token id"],
  [request(sampling({ logitBias: [[1, -Infinity]] })), "logitBias of token 1 is -Infinity; it must be finite"],
  [
    request(
      sampling({
        logitBias: [
          [1, 2],
          [1, 3],
        ],
      }),
    ),
    "logitBias of token 1 is there twice",
  ],
])("refuses %j", (illegal, message) => {
  expect(() => validateRequest(illegal, 50)).toThrow(RequestError);
  expect(() => validateRequest(illegal, 50)).toThrow(message);
});

test("an error says which option is wrong", () => {
  const illegal = request(sampling({ logitBias: [[50, 1]] }));
  expect(() => validateRequest(illegal, 50)).toThrow(expect.objectContaining({ option: "logitBias" }));
});
