import { FewbitError, RequestError, type ErrorCode } from "../util/errors.ts";

/** What a client is told, in OpenAI's form. `param` and `code` are null where there is nothing to say. */
export interface ApiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** An answer that is an error, with its HTTP status. */
export class ApiError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 429 | 500 | 503;
  readonly body: ApiErrorBody;

  constructor(
    status: ApiError["status"],
    type: string,
    message: string,
    { param = null, code = null }: { readonly param?: string | null; readonly code?: string | null } = {},
  ) {
    super(message);
    this.status = status;
    this.body = { error: { message, type, param, code } };
  }
}

/** An error as one of the APIs writes it. */
export interface WireError {
  readonly status: ApiError["status"] | 422;
  readonly body: object;
}

const ofCode: Readonly<Partial<Record<ErrorCode, readonly [status: ApiError["status"], type: string]>>> = {
  "bad-request": [400, "invalid_request_error"],
  unsupported: [400, "invalid_request_error"],
  "bad-file": [500, "server_error"],
  "out-of-memory": [503, "overloaded_error"],
  crashed: [503, "server_error"],
  overloaded: [429, "rate_limit_error"],
  "timed-out": [408, "timeout_error"],
};

/** What went wrong, for the client. A bug of ours stays our own: its message may tell of anything. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof FewbitError) {
    const [status, type] = ofCode[error.code] ?? [500, "server_error"];
    const { message } = error;
    if (!(error instanceof RequestError)) return new ApiError(status, type, message);
    const isTooLong = /\bthe context of \d+ /.test(message);
    const { option: param = null } = error; // in the words of the client by now
    return new ApiError(status, type, message, { param, code: isTooLong ? "context_length_exceeded" : null });
  }
  return new ApiError(500, "server_error", "the server failed; its log says more");
}
