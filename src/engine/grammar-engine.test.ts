import { describe, expect, test } from "vitest";
import { compiledGrammar } from "../text/grammar/compiled-grammar.ts";
import { packTokens } from "../text/grammar/token-bytes.ts";
import { RequestError } from "../util/errors.ts";
import { collect, expectIdle, nullEngine, request, vocabSize } from "./engine-test-kit.ts";

/** Letters and digits, one a token, and some pairs. */
const texts = Array.from({ length: vocabSize }, (_, id) =>
  id < 36 ? id.toString(36) : (id - 36).toString(36).repeat(2),
);
const tokens = packTokens(texts.map((text) => new TextEncoder().encode(text)));
const tokenBytes = () => Promise.resolve(tokens);
const regex = (pattern: string) => compiledGrammar({ kind: "regex", pattern });
const textOf = (ids: readonly number[]): string => ids.map((id) => texts[id]).join("");

/** Many rules that may all be under way at once: what may follow takes long to find out, and is another thing after every letter. */
const rules = Array.from({ length: 48 }, (_, i) => `a${i}`);
const ambiguous = compiledGrammar({
  kind: "ebnf",
  source: `root ::= (${rules.join(" | ")})+\n${rules.map((rule, i) => `${rule} ::= [a-z]+ (a${(i + 1) % 48} | "${i}")?`).join("\n")}`,
});

describe("an engine with grammars", () => {
  test("answers in their form, beside others without", async () => {
    await using engine = nullEngine({ tokenBytes });
    const patterns = ["[ab]{3}", "(?:12)+3", "z{1,4}"];
    const answers = patterns.map((pattern) => collect(engine.generate(request({ grammar: regex(pattern) }))));
    const free = collect(engine.generate(request()));
    for (const [i, answer] of (await Promise.all(answers)).entries())
      expect(textOf(answer.ids)).toMatch(new RegExp(`^(?:${patterns[i]})$`));
    expect((await free).ids).toHaveLength(10);
    await expectIdle(engine);
  });

  test("lets others go on while it finds out what one may say", async () => {
    await using engine = nullEngine({ tokenBytes });
    const order: string[] = [];
    const follow = async (name: string, events: AsyncIterable<{ readonly type: string }>): Promise<void> => {
      for await (const { type } of events) if (type === "token") order.push(name);
    };
    const slow = follow("slow", engine.generate(request({ grammar: ambiguous, maxTokens: 4 }))).catch(
      (error: unknown) => expect(error).toBeInstanceOf(RequestError),
    );
    const quick = follow("quick", engine.generate(request({ grammar: regex("[a-z]{30,}"), maxTokens: 40 })));
    await Promise.all([slow, quick, follow("free", engine.generate(request({ maxTokens: 40 })))]);
    expect(order.filter((name) => name === "free")).toHaveLength(40);
    expect(!order.includes("slow") || order.indexOf("slow") > order.indexOf("free")).toBe(true);
    await expectIdle(engine);
  });

  test("cancels a request before it is known what may be said", async () => {
    await using engine = nullEngine({ tokenBytes });
    const cancellation = new AbortController();
    const cancelled = collect(engine.generate(request({ grammar: ambiguous }), cancellation.signal));
    cancellation.abort();
    expect(await cancelled).toMatchObject({ ids: [], finished: { reason: "cancelled" } });
    await expectIdle(engine);
  });

  test("ends before it is known what may be said", async () => {
    const engine = nullEngine({ tokenBytes });
    const refused = collect(engine.generate(request({ grammar: ambiguous })));
    refused.catch(() => undefined);
    await engine[Symbol.asyncDispose]();
    await expect(refused).rejects.toThrow(/disposed/);
  });

  test("has no grammars without a vocabulary", async () => {
    await using engine = nullEngine();
    await expect(collect(engine.generate(request({ grammar: regex("a") })))).rejects.toThrow(/no tokenizer/);
  });
});
