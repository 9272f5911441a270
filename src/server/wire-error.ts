import { anthropicErrorBody } from "./anthropic/error-body.ts";
import { apiErrorOf, type WireError } from "./api-error.ts";
import { tgiError } from "./tgi/tgi-error.ts";

/** An error in the form of the API that a path belongs to. */
export function wireError(path: string, error: unknown): WireError {
  if (path === "/" || /^\/generate(_stream)?$/.test(path)) return tgiError(error);
  const { status, body } = apiErrorOf(error);
  return { status, body: path.startsWith("/v1/messages") ? anthropicErrorBody(error) : body };
}
