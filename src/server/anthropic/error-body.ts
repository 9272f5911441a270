import { apiErrorOf } from "../api-error.ts";

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
};

/** What went wrong, in the form of Anthropic's API. */
export function anthropicErrorBody(error: unknown): object {
  const { status, message } = apiErrorOf(error);
  const type = types[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
  return { type: "error", error: { type, message } };
}
