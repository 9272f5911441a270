import { maxTopLogprobs } from "../device/check-step.ts";
import type { SamplingParameters } from "../device/sampling.ts";
import { RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { GenerationRequest } from "./engine.ts";

const longestSalt = 256;

/** Throws RequestError for a request that no engine of this vocabulary could run. */
export function validateRequest(request: GenerationRequest, vocabSize: number): void {
  const { promptIds, outputIds = [], maxTokens, minTokens = 0, stopIds, topLogprobs = 0 } = request;
  const { cacheSalt = "", priority = 0, timeoutMs = Infinity, queueTimeoutMs = Infinity, sampling } = request;
  if (promptIds.length === 0)
    throw new RequestError("the prompt has no tokens; it must have at least one", { option: "promptIds" });
  for (const [i, id] of promptIds.entries()) requireId(`promptIds[${i}]`, id, vocabSize);
  for (const [i, id] of outputIds.entries()) requireId(`outputIds[${i}]`, id, vocabSize);
  for (const [i, id] of stopIds.entries()) requireId(`stopIds[${i}]`, id, vocabSize);
  check("maxTokens", maxTokens, Number.isSafeInteger(maxTokens) && maxTokens >= 1, "an integer, at least 1");
  const isLeast = Number.isSafeInteger(minTokens) && minTokens >= 0 && minTokens <= maxTokens;
  check("minTokens", minTokens, isLeast, `an integer from 0 to the most tokens of the answer, ${maxTokens}`);
  const { pooling } = request;
  check("pooling", pooling, pooling === undefined || pooling === "last" || pooling === "mean", '"last" or "mean"');
  const mostTop = Math.min(maxTopLogprobs, vocabSize);
  const hasLegalTop = Number.isInteger(topLogprobs) && topLogprobs >= 0 && topLogprobs <= mostTop;
  check("topLogprobs", topLogprobs, hasLegalTop, `an integer from 0 to ${mostTop}`);
  const isSalt = typeof cacheSalt === "string" && cacheSalt.length <= longestSalt;
  check("cacheSalt", cacheSalt, isSalt, `a text of at most ${longestSalt} characters`);
  check("priority", priority, Number.isSafeInteger(priority), "an integer");
  for (const [name, time] of Object.entries({ timeoutMs, queueTimeoutMs }))
    check(name, time, typeof time === "number" && time > 0, "a number above 0");
  validateSampling(sampling, vocabSize);
}

function validateSampling(sampling: SamplingParameters, vocabSize: number): void {
  const { temperature, topK, topP, minP, typicalP, repetitionPenalty, seed, logitBias } = sampling;
  const { presencePenalty, frequencyPenalty } = sampling;
  check("temperature", temperature, isFinite32(temperature) && temperature >= 0, "finite and at least 0");
  check("topK", topK, Number.isInteger(topK) && topK >= 0 && topK < 2 ** 31, "an integer from 0 to 2147483647");
  check("topP", topP, topP >= 0 && topP <= 1, "from 0 to 1");
  check("minP", minP, minP >= 0 && minP <= 1, "from 0 to 1");
  check("typicalP", typicalP, typicalP >= 0 && typicalP <= 1, "from 0 to 1");
  const dividesSafely = isFinite32(repetitionPenalty) && Math.fround(repetitionPenalty) > 0;
  check("repetitionPenalty", repetitionPenalty, dividesSafely, "finite and above 0");
  check("presencePenalty", presencePenalty, isFinite32(presencePenalty), "finite");
  check("frequencyPenalty", frequencyPenalty, isFinite32(frequencyPenalty), "finite");
  check("seed", seed, Number.isSafeInteger(seed), "a safe integer");
  const seen = new Set<number>();
  for (const [id, bias] of logitBias) {
    requireId("logitBias's token", id, vocabSize);
    check(`logitBias of token ${id}`, bias, isFinite32(bias), "finite");
    // A device may add them all at once: two biases of one id would not mean the same everywhere.
    if (seen.has(id)) throw new RequestError(`logitBias of token ${id} is there twice`, { option: "logitBias" });
    seen.add(id);
  }
}

function requireId(name: string, id: number, vocabSize: number): void {
  const isId = Number.isInteger(id) && id >= 0 && id < vocabSize;
  check(name, id, isId, `a token id, an integer from 0 to ${vocabSize - 1}`);
}

function check(name: string, found: unknown, isAccepted: boolean, accepted: string): void {
  if (isAccepted) return;
  const shown = typeof found === "string" ? quote(found) : String(found);
  throw new RequestError(`${name} is ${shown}; it must be ${accepted}`, { option: /^\w+/.exec(name)?.[0] });
}

/** Devices read these numbers as f32. */
function isFinite32(value: number): boolean {
  return typeof value === "number" && Number.isFinite(Math.fround(value));
}
