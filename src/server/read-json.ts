import type { z, ZodType } from "zod";
import { excessOf } from "../util/json.ts";
import { ApiError } from "./api-error.ts";
import type { BodyReader } from "./body-reader.ts";

/** Levels of a body: a chat template's tojson may then go through them by recursion. */
const maxDepth = 256;
/** Values of a body, a prompt of token ids among them: what takes longer to parse keeps all others waiting. */
const maxValues = 2 ** 18;

/**
 * A request's body as JSON of the schema's form. Throws ApiError: 415 for another content type, for none, and for what is compressed; what the reader throws; 400
 * for what is no JSON, or of another form, naming the first field that is wrong.
 *
 * The content type matters since browsers let any page send a form, plain text or bytes without a type to any address, this machine's too, and
 * ask first only for application/json: it keeps other origins' pages from spending this server's time.
 */
export async function readJson<Value>(request: Request, schema: ZodType<Value>, bodies: BodyReader): Promise<Value> {
  const type = request.headers.get("content-type") ?? "missing";
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new ApiError(
      415,
      "invalid_request_error",
      `the body must be JSON, sent as content-type application/json; the content type is ${type}`,
    );
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity")
    throw new ApiError(415, "invalid_request_error", `the body must be plain, and its content-encoding is ${encoding}`);
  const bytes = await bodies.read(request);
  const excess = excessOf(bytes, { maxDepth, maxValues });
  if (excess === "depth") throw invalid(`the body is nested more than ${maxDepth} levels deep`);
  if (excess === "values") throw invalid(`the body holds more than ${maxValues} values`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid("the body is not valid JSON in UTF-8");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = nearest(parsed.error.issues[0]);
  const param = path.join(".");
  if (param !== "" && valueAt(json, path) === undefined) throw invalid(`${param} is missing`, param);
  throw invalid(`${param === "" ? "the body" : param}: ${message}`, param);
}

/** Of a key, what is wrong with it. Of a union, what is wrong with the alternative that the value was meant to be: the one whose own type it has. */
function nearest(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, "path" | "message"> {
  if (issue.code === "invalid_key") return { path: issue.path, message: issue.issues[0]?.message ?? issue.message };
  if (issue.code !== "invalid_union") return issue;
  const meant = issue.errors
    .map(([first]) => first)
    .find((first) => first?.code !== "invalid_type" || first.path.length > 0);
  if (meant === undefined) return issue;
  const { path, message } = nearest(meant);
  return { path: [...issue.path, ...path], message };
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((value, key) => (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key], json);
}

function invalid(message: string, param = ""): ApiError {
  return new ApiError(400, "invalid_request_error", message, { param: param === "" ? null : param });
}
