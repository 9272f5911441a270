import { apiErrorOf, type WireError } from "../api-error.ts";

/** An error as Text Generation Inference has it: what is wrong with a body is of status 422. */
export function tgiError(error: unknown): WireError {
  const { status, message } = apiErrorOf(error);
  const kind = status === 429 ? "overloaded" : status < 500 ? "validation" : "generation";
  return { status: status === 400 ? 422 : status, body: { error: message, error_type: kind } };
}
