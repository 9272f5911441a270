import { anthropicErrorBody } from "./anthropic/error-body.ts";
import { apiErrorOf } from "./api-error.ts";
import { tgiErrorBody } from "./tgi/generate.ts";

/** An error's body in the form of the API that a path belongs to. */
export function errorBody(path: string, error: unknown): object {
  if (path.startsWith("/v1/messages")) return anthropicErrorBody(error);
  if (path === "/generate" || path === "/generate_stream") return tgiErrorBody(error);
  return apiErrorOf(error).body;
}
