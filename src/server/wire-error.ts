import { anthropicErrorBody } from "./anthropic/error-body.ts";
import { apiErrorOf, type ApiError } from "./api-error.ts";
import { tgiError } from "./tgi/tgi-error.ts";

export interface WireError {
  readonly status: ApiError["status"] | 422;
  readonly body: object;
}

/** An error in the form of the API that a path belongs to. */
export function wireError(path: string, error: unknown): WireError {
  if (path === "/" || /^\/generate(_stream)?$/.test(path)) return tgiError(error);
  const { status, body } = apiErrorOf(error);
  return { status, body: path.startsWith("/v1/messages") ? anthropicErrorBody(error) : body };
}
