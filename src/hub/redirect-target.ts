import { IoError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";

/**
 * Where a redirect leads. Throws IoError for what is no URL of HTTP, and where the way would go on without encryption. `label` says what was
 * asked for: a signed URL's query is a secret, so URLs themselves do not get into messages.
 */
export function redirectTarget(from: URL, location: string, label: string): URL {
  if (!URL.canParse(location, from.href))
    throw new IoError(`${label}: is redirected to ${quote(location)}, which is no URL`);
  const to = new URL(location, from);
  if (to.protocol !== "https:" && (to.protocol !== "http:" || from.protocol === "https:"))
    throw new IoError(`${label}: is redirected to a ${to.protocol} URL, which is not followed from ${from.protocol}`);
  return to;
}
