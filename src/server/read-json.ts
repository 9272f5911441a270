import type { z, ZodType } from "zod";
import { isNestedDeeper } from "../util/json.ts";
import { ApiError } from "./api-error.ts";

/** Levels of a body: a chat template's tojson may then go through them by recursion. */
const deepest = 256;

/**
 * A request's body as JSON of the schema's form. Throws ApiError: 415 for another content type, and for none; 413 for more bytes than allowed,
 * which are counted as they come; 400 for what is no JSON, or of another form, naming the first field that is wrong.
 *
 * The content type matters since browsers let any page send a form, plain text or bytes without a type to any address, this machine's too, and
 * ask first only for application/json: it keeps other origins' pages from spending this server's time.
 */
export async function readJson<Value>(request: Request, schema: ZodType<Value>, maxBytes: number): Promise<Value> {
  const type = request.headers.get("content-type") ?? "missing";
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new ApiError(
      415,
      "invalid_request_error",
      `the body must be JSON, sent as content-type application/json; the content type is ${type}`,
    );
  const bytes = await readBytes(request, maxBytes);
  if (isNestedDeeper(bytes, deepest)) throw invalid(`the body is nested more than ${deepest} levels deep`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw invalid("the body is not valid JSON");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = nearest(parsed.error.issues[0]);
  const param = path.join(".");
  throw invalid(`${param === "" ? "the body" : param}: ${message}`, param);
}

/** Of a union, what is wrong with the alternative that the value was meant to be: the one whose own type it has. */
function nearest(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, "path" | "message"> {
  if (issue.code !== "invalid_union") return issue;
  const meant = issue.errors
    .map(([first]) => first)
    .find((first) => first?.code !== "invalid_type" || first.path.length > 0);
  if (meant === undefined) return issue;
  const { path, message } = nearest(meant);
  return { path: [...issue.path, ...path], message };
}

function invalid(message: string, param = ""): ApiError {
  return new ApiError(400, "invalid_request_error", message, { param: param === "" ? null : param });
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): ApiError =>
    new ApiError(413, "invalid_request_error", `the body has more than ${maxBytes} bytes, which are not read`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      // Nobody is there to be told; it is no failure of ours either.
      throw new ApiError(400, "invalid_request_error", "the connection ended in the middle of the body");
    });
    if (done) return joined(chunks, length);
    length += value.byteLength;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
