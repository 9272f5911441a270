import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharedFixtures } from "../../../test/support/fixtures.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { RequestError } from "../../util/errors.ts";
import { StepBudget } from "../../util/step-budget.ts";
import { compileRegex } from "./compile-regex.ts";
import type { Regex } from "./regex.ts";

/** Enough for all that ends, and few enough to end what does not. */
const budgetFor = (text: string) =>
  new StepBudget(200_000 + 1000 * text.length, () => new RequestError("too many steps"));

type Found = readonly [start: number, end: number, ...groups: (string | undefined)[]];

function ours(regex: Regex, text: string): Found[] {
  const budget = budgetFor(text);
  const found: Found[] = [];
  for (let from = 0; from <= text.length;) {
    const match = regex.match(text, from, budget);
    // The program without groups is another one, and has to agree.
    if (regex.find(text, from, budget) !== (match?.end ?? -1))
      throw new Error(`${regex.pattern}: find and match differ`);
    if (match === undefined) break;
    found.push([match.start, match.end, ...match.groups.slice(1)]);
    from = match.end > match.start ? match.end : match.end + ((text.codePointAt(match.end) ?? 0) > 0xffff ? 2 : 1);
  }
  return found;
}

/** Without what V8 finds in the middle of a surrogate pair, where look-around alone can lead it. */
function javascripts(pattern: string, text: string): Found[] {
  return [...text.matchAll(new RegExp(pattern, "gu"))]
    .filter(({ index }) => !/^[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(Math.max(index - 1, 0))) || index === 0)
    .map((match) => [match.index, match.index + match[0].length, ...match.slice(1)]);
}

describe("random patterns of what both engines have", () => {
  const alphabet = ["a", "b", "c", "é", "😀", " ", "\n"];
  const sets = ["[ab]", "[^a]", "[^\\n]", "\\p{L}", "\\P{L}", "[b-é😀]", "\\x61", "[\\p{Ll}\\s]"];

  /** `canBeEmpty` is false below a quantifier: the engines differ in what an empty iteration does. */
  function randomPattern(below: (limit: number) => number, depth: number): { pattern: string; canBeEmpty: boolean } {
    const one = () => (below(2) === 0 ? alphabet[below(alphabet.length)] : sets[below(sets.length)]);
    const inner = () => randomPattern(below, depth - 1);
    switch (depth === 0 ? 0 : below(10)) {
      case 1:
      case 2:
      case 3: {
        const parts = [inner(), inner(), ...(below(2) === 0 ? [inner()] : [])];
        return {
          pattern: parts.map(({ pattern }) => `(?:${pattern})`).join(""),
          canBeEmpty: parts.every(({ canBeEmpty }) => canBeEmpty),
        };
      }
      case 4:
      case 5: {
        const [a, b] = [inner(), inner()];
        return { pattern: `(?:${a.pattern}|${b.pattern})`, canBeEmpty: a.canBeEmpty || b.canBeEmpty };
      }
      case 6:
      case 7: {
        const { pattern, canBeEmpty } = inner();
        const body = canBeEmpty || below(3) === 0 ? one() : `(?:${pattern})`;
        const quantifier = ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}"][below(7)];
        return { pattern: body + quantifier + ["", "?"][below(2)], canBeEmpty: /^([*?]|\{0)/.test(quantifier) };
      }
      case 8: {
        const { pattern } = inner();
        const open = ["?=", "?!", "?<=", "?<!"][below(4)];
        return open.startsWith("?<")
          ? { pattern: `(${open}${one()}${one()}|${one()})`, canBeEmpty: true }
          : { pattern: `(${open}${pattern})`, canBeEmpty: true };
      }
      case 9:
        return { pattern: ["^", "$", ""][below(3)] + one(), canBeEmpty: false };
      default:
        return { pattern: one(), canBeEmpty: false };
    }
  }

  test.each([1, 2, 3, 4])("find the same in random texts, seed %i", (seed) => {
    const below = seededRandom(seed);
    let matchCount = 0;
    for (let round = 0; round < 500; round++) {
      const { pattern } = randomPattern(below, 4);
      const grouped = below(2) === 0 ? `(${pattern})${alphabet[below(3)]}?` : pattern;
      const regex = compileRegex(grouped);
      for (let i = 0; i < 3; i++) {
        const text = Array.from({ length: below(14) }, () => alphabet[below(alphabet.length)]).join("");
        const expected = javascripts(grouped, text);
        expect(ours(regex, text), `${grouped} on ${JSON.stringify(text)}`).toEqual(expected);
        matchCount += expected.length;
      }
    }
    expect(matchCount).toBeGreaterThan(1000);
  });
});

const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const upper = "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}";
const lower = "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}";
/** The Split patterns of tokenizers in use. */
const splitPatterns: Readonly<Record<string, string>> = {
  "GPT-2": `${contractions}| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`,
  "Llama 3": `(?i:${contractions})|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  "Qwen 2": `(?i:${contractions})|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  cl100k: `(?i:${contractions})|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`,
  o200k:
    `[^\\r\\n\\p{L}\\p{N}]?[${upper}]*[${lower}]+(?i:${contractions})?|[^\\r\\n\\p{L}\\p{N}]?[${upper}]+[${lower}]*(?i:${contractions})?|` +
    "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "DeepSeek V3":
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "DeepSeek's ideographs": "[一-龥぀-ゟ゠-ヿ]+",
  Bloom: " ?[^(\\s|[.,!?…。，、।۔،])]+",
  spaces: " {2,}",
};

const textsOfMany = [
  "It's I'll WE'VE 'sT 'ſ x'd  \n\n  def f(x):\n\treturn x**2 # 12345 ٣٤\r\n\r\n  trailing   ",
  "漢字かな混じり文、ﾊﾝｶｸ。 Ǆǅǆ naïve e\u0301 Straße İıſ 한국어 עברית العربية हिन्दी ไทย",
  "👩‍👩‍👧 👍🏽 🇩🇪 ①②Ⅻ \u00a0\u2003\u3000x ...!!!\n???---   \n\n\n a",
  "\ud83d lone \udc00 halves",
];

/** JavaScript of Node 20 has neither `(?i:…)` nor possessive quantifiers; \s differs in U+0085 and U+FEFF alone. */
function toJavaScript(pattern: string): string {
  const space = "\\p{White_Space}";
  return pattern
    .replace(
      /\(\?i:([^)]*)\)/g,
      (_, body: string) =>
        `(?:${body.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}${letter === "s" ? "ſ" : ""}]`)})`,
    )
    .replaceAll("?+\\p{L}", "?\\p{L}") // the same here: what the first may match, the second cannot
    .replaceAll("++", "+")
    .replaceAll("[^(\\s|[.,!?…。，、।۔،])]", "(?:(?![(|)]|[.,!?…。，、।۔،])\\S)")
    .replaceAll("\\S", "\\P{White_Space}")
    .replaceAll("\\s", space);
}

function cuts(regex: Regex, text: string): number[] {
  const budget = budgetFor(text);
  const found: number[] = [];
  for (let from = 0, end: number; from < text.length && (end = regex.find(text, from, budget)) >= 0; from = end) {
    found.push(regex.start, end);
  }
  return found;
}

describe("patterns of tokenizers", () => {
  test.each(Object.entries(splitPatterns))("%s cuts as JavaScript does", (_, pattern) => {
    const regex = compileRegex(pattern, { dialect: "oniguruma" });
    for (const text of textsOfMany) {
      const expected = [...text.matchAll(new RegExp(toJavaScript(pattern), "gu"))];
      expect(cuts(regex, text)).toEqual(expected.flatMap(({ index, 0: { length } }) => [index, index + length]));
    }
  });

  const folder = join(sharedFixtures ?? "", "tokenizers");
  const names =
    sharedFixtures === undefined
      ? []
      : readdirSync(folder).filter((name) => existsSync(join(folder, name, "tokenizer.json")));
  test(
    sharedFixtures === undefined
      ? "skipped: there is no ../shared/fixtures"
      : "those of fixtures do so on all their texts",
    () => {
      const compared = new Set<string>();
      for (const name of names) {
        const patterns = [
          ...readFileSync(join(folder, name, "tokenizer.json"), "utf8").matchAll(/"Regex": ?("(?:[^"\\]|\\.)*")/g),
        ];
        const { cases } = JSON.parse(readFileSync(join(folder, name, "cases.json"), "utf8")) as {
          cases: { text: string }[];
        };
        for (const [, json] of patterns) {
          const pattern = JSON.parse(json) as string;
          compared.add(pattern);
          const regex = compileRegex(pattern, { dialect: "oniguruma" });
          for (const { text } of cases) {
            const expected = [...text.matchAll(new RegExp(toJavaScript(pattern), "gu"))];
            expect(cuts(regex, text)).toEqual(expected.flatMap(({ index, 0: { length } }) => [index, index + length]));
          }
        }
      }
      expect(compared.size).toBe(sharedFixtures === undefined ? 0 : 3);
    },
  );
});
