import { z } from "zod";
import type { LLM } from "../../llm/llm.ts";
import { mapConcurrent } from "../../util/map-concurrent.ts";

const ids = z.array(z.int().min(0)).min(1);
const text = z.string().min(1);
const mostInputs = 2048;
/** Of one request: the others wait here, and not before those who have asked for one. */
const underWay = 8;

/** The body of POST /v1/embeddings; `pooling` is ours. */
export const embeddingRequest = z.object({
  model: z.string().nullish(),
  input: z.union([text, z.array(text).min(1).max(mostInputs), ids, z.array(ids).min(1).max(mostInputs)]),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.int().min(1).nullish(),
  pooling: z.enum(["last", "mean"]).nullish(),
  cache_salt: z.string().nullish(),
  user: z.string().nullish(),
});
export type EmbeddingRequest = z.infer<typeof embeddingRequest>;

/** An embedding of unit length for every input; `signal` fires when the client has gone. */
export async function embeddings(
  llm: LLM,
  model: string,
  request: EmbeddingRequest,
  signal: AbortSignal,
): Promise<Response> {
  const found = await mapConcurrent(inputsOf(request), underWay, (input) =>
    llm.embed(input, {
      pooling: request.pooling ?? undefined,
      dimensions: request.dimensions ?? undefined,
      cacheSalt: request.cache_salt ?? undefined,
      signal,
    }),
  );
  const tokens = found.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  const encode = request.encoding_format === "base64" ? base64 : (values: Float32Array) => Array.from(values);
  return Response.json({
    object: "list",
    data: found.map(({ values }, index) => ({ object: "embedding", index, embedding: encode(values) })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

function inputsOf({ input }: EmbeddingRequest): readonly (string | readonly number[])[] {
  if (typeof input === "string") return [input];
  return typeof input[0] === "number" ? [input as number[]] : (input as readonly (string | number[])[]);
}

/** The values as little-endian f32. */
function base64(values: Float32Array): string {
  const bytes = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => bytes.setFloat32(4 * i, value, true));
  return btoa(Array.from(new Uint8Array(bytes.buffer), (byte) => String.fromCharCode(byte)).join(""));
}
