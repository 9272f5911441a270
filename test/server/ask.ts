/** What a client asks for, and what it is told. */
export interface Question {
  readonly prompt: string;
  readonly maxTokens: number;
  readonly temperature?: number;
  readonly seed?: number;
}

export function bodyOf({ prompt, maxTokens, temperature = 0, seed }: Question, rest: object = {}): string {
  return JSON.stringify({
    prompt,
    max_tokens: maxTokens,
    temperature,
    ignore_eos: true,
    ...(seed !== undefined && { seed }),
    ...rest,
  });
}

export function post(url: string, body: string, signal?: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${url}/v1/completions`, { method: "POST", headers, body, ...(signal !== undefined && { signal }) });
}

/** The whole answer at once. Throws for every status but 200. */
export async function askWhole(url: string, question: Question): Promise<string> {
  const response = await post(url, bodyOf(question));
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
  return (JSON.parse(text) as Completion).choices[0].text;
}

/**
 * The answer as it streams; `onText` is told of every piece, and ends the reading with false. Throws for a status other than 200, for an
 * error in the stream, and for a stream that ends without [DONE].
 */
export async function askStream(
  url: string,
  question: Question,
  onText: (text: string) => boolean | void = () => undefined,
): Promise<string> {
  const response = await post(url, bodyOf(question, { stream: true }));
  if (response.status !== 200 || response.body === null)
    throw new Error(`status ${response.status}: ${await response.text()}`);
  let pending = "";
  let answer = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    pending += decoder.decode(bytes as Uint8Array, { stream: true });
    const events = pending.split("\n\n");
    pending = events.pop()!;
    for (const event of events) {
      if (event === "data: [DONE]") return answer;
      if (!event.startsWith("data: ")) continue;
      const value = JSON.parse(event.slice("data: ".length)) as Completion & { readonly error?: object };
      if (value.error !== undefined) throw new Error(JSON.stringify(value.error));
      const text = value.choices.map((choice) => choice.text).join("");
      answer += text;
      if (onText(text) === false) return answer; // leaving the loop closes the connection
    }
  }
  throw new Error("the stream ended without [DONE]");
}

interface Completion {
  readonly choices: readonly { readonly text: string }[];
}

export interface ModelStats {
  readonly state: string;
  readonly stats?: {
    readonly waiting: number;
    readonly running: number;
    readonly pagesUsed: number;
    readonly pagesCached: number;
    readonly pagesTotal: number;
    readonly preemptions: number;
    readonly restarts: number;
  };
}

/** Of the server's only model. */
export async function statsOf(url: string): Promise<NonNullable<ModelStats["stats"]>> {
  const { models } = (await (await fetch(`${url}/v1/stats`)).json()) as { readonly models: Record<string, ModelStats> };
  const [{ stats }] = Object.values(models);
  if (stats === undefined) throw new Error("the model has no stats");
  return stats;
}
