/**
 * `fn` of every item, at most `limit` at a time, results in the order of the items. After the first error nothing new
 * is started; what already runs is waited for, so that nothing writes to the caller's buffers after the promise has
 * settled; then the first error is thrown.
 */
export async function mapConcurrent<Item, Result>(
  items: readonly Item[],
  limit: number,
  fn: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const index = next++;
      try {
        results[index] = await fn(items[index], index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(Math.max(limit, 1), items.length) }, worker));
  if (failure !== undefined) throw failure.error;
  return results;
}
