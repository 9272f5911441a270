/** What is asked of a `Response` in more than one place. */

const transientStatuses: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** The server may answer otherwise when asked again. */
export function isTransientStatus(status: number): boolean {
  return transientStatuses.includes(status);
}

/** Retry-After is a number of seconds or a date. */
export function retryAfterMs(response: Response): number | undefined {
  const header = response.headers.get("retry-after");
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/** The "bytes first-last/size" of a 206; undefined where it is absent or says anything else. */
export function contentRange(
  response: Response,
): { readonly first: number; readonly last: number; readonly total: number } | undefined {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(response.headers.get("content-range") ?? "");
  if (match === null) return undefined;
  const [first, last, total] = match.slice(1).map(Number);
  return { first, last, total };
}

/** Lets go of a body that nobody wants, so that its connection is freed. A body that already broke is gone as well. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** The body piece by piece; cancelled when the consumer leaves early. (Not every browser can iterate a stream.) */
export async function* chunksOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      signal.throwIfAborted();
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
