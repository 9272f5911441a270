/** The values of several streams as they come, each with the place of its stream. Throws what one of them throws. */
export async function* mergeStreams<Value>(
  streams: readonly AsyncIterable<Value>[],
): AsyncGenerator<{ readonly index: number; readonly value: Value }> {
  if (streams.length === 1) {
    // As nearly all requests are: without the race, which costs as much as all else that is done for a token.
    for await (const value of streams[0]) yield { index: 0, value };
    return;
  }
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const next = async (index: number) => ({ index, result: await iterators[index].next() });
  const waiting = new Map(iterators.map((_, index) => [index, next(index)] as const));
  while (waiting.size > 0) {
    const { index, result } = await Promise.race(waiting.values());
    if (result.done) waiting.delete(index);
    else {
      yield { index, value: result.value };
      waiting.set(index, next(index));
    }
  }
}
