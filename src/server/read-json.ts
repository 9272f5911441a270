import type { ZodType } from "zod";
import { ApiError } from "./api-error.ts";

/**
 * A request's body as JSON of the schema's form. Throws ApiError: 413 for more bytes than allowed, which are counted as they come; 400 for
 * what is no JSON, or of another form, naming the first field that is wrong.
 */
export async function readJson<Value>(request: Request, schema: ZodType<Value>, maxBytes: number): Promise<Value> {
  const text = await readText(request, maxBytes);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ApiError(400, "invalid_request_error", "the body is not valid JSON");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const param = issue?.path.join(".") ?? "";
  throw new ApiError(
    400,
    "invalid_request_error",
    `${param === "" ? "the body" : param}: ${issue?.message ?? "is wrong"}`,
    {
      param: param === "" ? null : param,
    },
  );
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const tooLarge = (): ApiError =>
    new ApiError(413, "invalid_request_error", `the body has more than ${maxBytes} bytes, which are not read`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  let text = "";
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.byteLength;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    text += decoder.decode(value, { stream: true });
  }
}
