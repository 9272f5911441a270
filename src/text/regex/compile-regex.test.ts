import { describe, expect, test } from "vitest";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { StepBudget } from "../../util/step-budget.ts";
import { compileRegex } from "./compile-regex.ts";
import type { RegexDialect } from "./regex.ts";

const budget = (steps = 1e6) => new StepBudget(steps, () => new RequestError("too many steps"));

/** All matches, as a tokenizer would cut them. */
function matches(pattern: string, text: string, dialect: RegexDialect = "rust"): string[] {
  const regex = compileRegex(pattern, { dialect });
  const found: string[] = [];
  for (let from = 0; from <= text.length;) {
    const end = regex.find(text, from, budget());
    if (end < 0) break;
    found.push(text.slice(regex.start, end));
    from = end > regex.start ? end : end + 1;
  }
  return found;
}

describe("what a pattern matches", () => {
  test.each<[pattern: string, text: string, expected: string[]]>([
    ["", "ab", ["", "", ""]],
    ["abc", "xabcabc", ["abc", "abc"]],
    ["a|ab", "ab", ["a"]],
    ["ab|a", "abaa", ["ab", "a", "a"]],
    ["a||b", "b", ["", ""]],
    ["a+?b*", "aabb", ["a", "abb"]],
    ["a*?", "a", ["", ""]],
    ["a{2}", "aaaaa", ["aa", "aa"]],
    ["a{2,3}", "aaaaaa", ["aaa", "aaa"]],
    ["a{2,}?", "aaaaa", ["aa", "aa"]],
    ["a{,2}b", "aaab", ["aab"]],
    ["(?:ab){2,3}", "ababababab", ["ababab", "abab"]],
    ["(?:ab){1,2}?c", "ababc", ["ababc"]],
    ["(?:a|bc)+d", "abcaabcd", ["abcaabcd"]],
    ["a{x}", "a{x}", ["a{x}"]],
    ["a{,}", "a{,}", ["a{,}"]],
    ["a++a", "aaa", []],
    ["(?:ab)*+ab", "abab", []],
    ["a?+a", "a", []],
    ["(?>a|ab)c", "abc", []],
    ["(?>ab|a)c", "abc ac", ["abc", "ac"]],
    ["(?:(?>a+)b?)+c", "aabac", ["aabac"]],
    ["x(?=y)", "xyx", ["x"]],
    ["x(?!y)", "xyxz", ["x"]],
    ["\\s+(?!\\S)|\\s+", "a   b \n", ["  ", " ", " \n"]],
    ["(?=(a+))a*b\\b", "aaab", ["aaab"]],
    ["(?!ab|cd)\\w+", "ab cd ef", ["b", "d", "ef"]],
    ["(?<=a)b", "abb", ["b"]],
    ["(?<!a)b", "abb", ["b"]],
    ["(?<=^|,)\\w*", "a,bc", ["a", "bc"]],
    ["(?<=a|bcd)e", "ae bcde cde", ["e", "e"]],
    ["(?<=ab{1,3}c?)d", "abbbcd abcd bd", ["d", "d"]],
    ["(?<!a{2,3})b", "ab aab", ["b"]],
    ["(?<=😀)x", "😀x", ["x"]],
    ["^a", "aa", ["a"]],
    ["a$", "a\na", ["a"]],
    ["(?m)^a$", "a\na\nb", ["a", "a"]],
    ["a\\Z", "a\na\n", ["a"]],
    ["a\\z", "a\na\n", []],
    ["\\Aa", "aa", ["a"]],
    ["\\Ga", "aab", ["a", "a"]],
    ["\\bcat\\b", "cat scat cat", ["cat", "cat"]],
    ["\\Bat\\b", "cat at", ["at"]],
    ["\\bλ\\B", "λόγος λ", ["λ"]],
    ["a.c", "abc a\nc a\rc", ["abc", "a\rc"]],
    ["(?s)a.c", "a\nc", ["a\nc"]],
    ["\\R", "\r\n\n\r\u2028", ["\r\n", "\n", "\r", "\u2028"]],
    [
      "\\r\\n|\\t|\\x41|\\x{1F600}|\\u{e9}|\\u00e8|\\0|\\cA",
      "\r\n\tA😀éè\0\x01",
      ["\r\n", "\t", "A", "😀", "é", "è", "\0", "\x01"],
    ],
    ["\\ud83d\\ude00+", "😀😀", ["😀😀"]],
    ["[^a]", "😀a", ["😀"]],
    [".", "😀\ud83d", ["😀", "\ud83d"]],
    ["\ud83d", "😀", []],
    ["\\ude00", "😀\ude00", ["\ude00"]],
    ["[a-c-]+", "ab-cd", ["ab-c"]],
    ["[\\w-.]+", "a-b.c d", ["a-b.c", "d"]],
    ["[+-\\d]+", "+-1,", ["+-1"]],
    ["[]a]+", "a]b", ["a]"]],
    ["[^]a]+", "a]b", ["b"]],
    ["[a-z&&[^aeiou]]+", "hello", ["h", "ll"]],
    ["[^a-c&&b-d]", "abcd", ["a", "d"]],
    ["[a-c[x-z]]+", "abxyd", ["abxy"]],
    ["[a-d--b]+", "abcd", ["a", "cd"]],
    ["[a-c~~b-d]+", "abcd", ["a", "d"]],
    ["[\\b]", "\b", ["\b"]],
    ["[\\p{Lu}\\d]+", "AÉ٣b", ["AÉ٣"]],
    ["\\p{L}\\P{L}\\pL\\p{^L}", "a1b2", ["a1b2"]],
    ["\\p{Han}+|\\p{Script=Greek}+|\\p{sc=cyrillic}+", "漢字λόγοςда", ["漢字", "λόγος", "да"]],
    ["\\p{uppercase_letter}\\p{Lowercase Letter}", "Ab", ["Ab"]],
    ["\\p{Emoji_Presentation}", "1😀", ["😀"]],
    ["[[:alpha:]]+", "abé", ["ab"]],
    ["[[:^alpha:]]+", "abé1", ["é1"]],
    ["\\s+", "\u0085\u00a0\u3000\ufeff", ["\u0085\u00a0\u3000"]],
    ["\\w+", "é٣_\u0301x-y", ["é٣_\u0301x", "y"]],
    ["(?i)straße|k", "STRAßE \u212a K", ["STRAßE", "\u212a", "K"]],
    ["(?i:'s)t", "'St 'ſt 'ST", ["'St", "'ſt"]],
    ["(?i)[^k]", "kK\u212ax", ["x"]],
    ["(?i)σ+", "σςΣ", ["σςΣ"]],
    ["(?i)[a-c]+(?-i)D", "ABcD abd", ["ABcD"]],
    ["a(?i)b|c", "aB C", ["aB", "C"]],
    ["(?x) a b # comment\n c", "abc", ["abc"]],
    ["(?x) [a b]+ ", "ab b", ["ab", "b"]],
    ["a(?#not this)b", "ab", ["ab"]],
    ["(?P<x>a)(?<y>b)(?'z'c)", "abc", ["abc"]],
    ["(?:a*)*b", "aab", ["aab"]],
    ["(?:|a)+", "aa", ["", "", ""]],
    ["(?:a|b*)*c", "abbac", ["abbac"]],
    ["(?:a*?)*?b", "ab", ["ab"]],
    ["(?:a*)+b", "b", ["b"]],
    ["(?:a?){3}b", "aab", ["aab"]],
    ["a**", "aa", ["aa", ""]],
    ["[a&&b]|c", "abc", ["c"]],
    ["(?:[a&&b])*c", "c", ["c"]],
    ["(?:x+x+)+y", "xxxxy", ["xxxxy"]],
    ["\\N\\h", "gF", ["gF"]],
  ])("%j on %j", (pattern, text, expected) => {
    expect(matches(pattern, text)).toEqual(expected);
  });

  test.each<[pattern: string, text: string, oniguruma: string[], rust: string[]]>([
    ["^a$", "b\na", ["a"], []],
    ["(?m)a.", "a\n", ["a\n"], []],
    ["(?m:^)", "a\nb\n", ["", ""], ["", "", ""]],
    ["(?<=\\n)^", "a\nb\n", [""], []],
    ["a(?i)b|c", "aC", ["aC"], ["C"]],
    ["a{2}?b", "aab b", ["aab", "b"], ["aab"]],
    ["a{1,2}+a", "aaa", ["aaa"], ["aaa"]],
    ["a{1,3}+a", "aaa", ["aaa"], []],
    ["[[:alpha:]]+", "aé", ["aé"], ["a"]],
    ["[+--b]+", "+,-b", ["+,-b"], ["+"]],
    ["\\w+", "a\u200db", ["a", "b"], ["a\u200db"]],
    ["\\w+", "½²Ⅷ", ["½²Ⅷ"], ["Ⅷ"]],
    ["[\\w]+", "½²Ⅷ", ["Ⅷ"], ["Ⅷ"]],
    ["[[:punct:]]", "$-€", ["$", "-", "€"], ["$", "-"]],
  ])("dialects part at %j on %j", (pattern, text, oniguruma, rust) => {
    expect([matches(pattern, text, "oniguruma"), matches(pattern, text, "rust")]).toEqual([oniguruma, rust]);
  });

  test("case may be ignored by option", () => {
    const regex = compileRegex("abc", { caseInsensitive: true });
    expect(regex.find("xABC", 0, budget())).toBe(4);
  });
});

describe("groups", () => {
  test.each<[pattern: string, text: string, groups: (string | undefined)[]]>([
    ["(a)(b)?", "a", ["a", "a", undefined]],
    ["((a)|(b))+", "ab", ["ab", "b", "a", "b"]], // as in Perl and Rust; JavaScript forgets what an iteration before matched
    ["(a*)(a)", "aaa", ["aaa", "aa", "a"]],
    ["(?:(a)x|(a)y)", "ay", ["ay", undefined, "a"]],
    ["(?=(a+))a", "aa", ["a", "aa"]],
    ["(?!(a)b)(.)", "ac", ["a", undefined, "a"]],
    ["(?>(a)|(ab))(?:x|b)", "ab", ["ab", "a", undefined]],
    ["(?:(?>(a))x|(.)b)", "ab", ["ab", undefined, "a"]],
    ["(?<=(a))b", "ab", ["b", "a"]],
    ["(x(y)){2}", "xyxy", ["xyxy", "xy", "y"]],
    ["(a){0}b", "b", ["b", undefined]],
  ])("%j on %j", (pattern, text, groups) => {
    expect(compileRegex(pattern).match(text, 0, budget())?.groups).toEqual(groups);
  });

  test("one match leaves nothing behind for the next", () => {
    const regex = compileRegex("(a)|(b)");
    expect(regex.match("a", 0, budget())?.groups).toEqual(["a", "a", undefined]);
    expect(regex.match("b", 0, budget())?.groups).toEqual(["b", undefined, "b"]);
    expect(regex.match("c", 0, budget())).toBeUndefined();
  });
});

describe("where a match begins", () => {
  const regex = compileRegex("\\w+");

  test("find searches, findAt does not", () => {
    expect([regex.find("a bc", 1, budget()), regex.start]).toEqual([4, 2]);
    expect(regex.findAt("a bc", 1, budget())).toBe(-1);
    expect([regex.findAt("a bc", 3, budget()), regex.start]).toEqual([4, 3]);
    expect(regex.match(" é😀", 0, budget())).toEqual({ start: 1, end: 2, groups: ["é"] });
  });

  test("beyond the text there is nothing", () => {
    const empty = compileRegex("");
    expect([empty.find("ab", 2, budget()), empty.find("ab", 3, budget()), empty.findAt("ab", 3, budget())]).toEqual([
      2, -1, -1,
    ]);
  });

  test("no surrogate pair is split", () => {
    const any = compileRegex(".?");
    expect([any.find("😀a", 1, budget()), any.start]).toEqual([3, 2]);
    expect(any.findAt("😀a", 1, budget())).toBe(-1);
  });

  test("what lies before is seen", () => {
    expect(compileRegex("(?<=a)b").findAt("ab", 1, budget())).toBe(2);
    expect(compileRegex("^b").findAt("ab", 1, budget())).toBe(-1);
    expect(compileRegex("\\bb").findAt("ab", 1, budget())).toBe(-1);
  });
});

describe("patterns that cannot be compiled", () => {
  test.each<[pattern: string, message: RegExp]>([
    ["a(", /at character 1: this parenthesis is never closed/],
    ["a)", /at character 1: this parenthesis was never opened/],
    ["ab[c", /at character 2: this bracket is never closed/],
    ["[", /never closed/],
    ["[a&&", /never closed/],
    ["*a", /at character 0: \* has nothing to repeat/],
    ["a|+", /nothing to repeat/],
    ["[z-a]", /at character 1: a range must not end before it begins/],
    ["a{3,2}", /upper bound/],
    ["a\\", /ends too early/],
    ["\\x{110000}", /above U\+10FFFF/],
    ["\\xg", /hexadecimal digits/],
    ["\\p", /name of a property/],
    ["\\p{", /name of a property/],
    ["\\c1", /needs a letter/],
    ["[[:letters:]]", /unknown class/],
    ["[\\R]", /no meaning between brackets/],
    ["\\q", /at character 0: the escape \\q has no meaning/],
  ])("%j is malformed", (pattern, message) => {
    expect(() => compileRegex(pattern)).toThrow(FormatError);
    expect(() => compileRegex(pattern)).toThrow(message);
  });

  test.each<[pattern: string, message: RegExp]>([
    ["(a)\\1", /references to groups/],
    ["(?<x>a)\\k<x>", /references to groups/],
    ["\\X", /not supported/],
    ["(?(1)a)", /kind of group/],
    ["(?U:a)", /flag U/],
    ["\\p{Klingon}", /Unicode property/],
    ["\\p{L}}\\p{script=L}", /Unicode property/],
    ["\\p{constructor=Lu}", /Unicode property/],
    ["(?<=a*)b", /look-behind/],
    ["(?<=a{256})b", /look-behind/],
    ["a{100001}", /repetitions/],
    ["((a{1000}){1000}){1000}", /too long/],
    ["(?:(?:(?:a{0}b{0}){1000}){1000}){1000}", /too much work/],
    ["(?:\\b){100000}", /too long/],
    ["(".repeat(5000), /nested too deeply/],
    ["[".repeat(5000), /nested too deeply/],
    ["(?i)".repeat(4000) + "(".repeat(200), /nested too deeply/],
    ["a" + "*".repeat(5000), /stacked too high/],
    ["a".repeat(20_000), /characters are more/],
    ["(?i)" + "[\\p{L}1]".repeat(1500), /too much work/],
    [
      Array.from({ length: 1500 }, (_, i) => `[\\p{L}${String.fromCodePoint(0x2190 + i)}]`).join(""),
      /too much work|different classes/,
    ],
  ])("%# is not supported", (pattern, message) => {
    expect(() => compileRegex(pattern)).toThrow(UnsupportedError);
    expect(() => compileRegex(pattern)).toThrow(message);
  });

  test("large but harmless ones compile", () => {
    for (const pattern of [
      "a|".repeat(8000),
      "(?i:a)".repeat(2500),
      "[\\P{L}" + "\\P{L}".repeat(3000) + "]",
      "(?i)[" + "[a]".repeat(5000) + "]",
      "[a-".repeat(90) + "b" + "]".repeat(90),
      "(?:a|(?i)".repeat(40) + "b" + ")".repeat(40),
      "(?<=".repeat(90) + "a" + ")".repeat(90),
    ]) {
      expect(() => compileRegex(pattern)).not.toThrow();
    }
  });
});

describe("patterns that never end", () => {
  const letters = "a".repeat(40);
  test.each<[pattern: string, text: string]>([
    ["(a+)+$", `${letters}!`],
    ["(a|a)*b", letters],
    ["(?=(a+)+b)", letters],
    ["((a*)*)*b", letters],
    ["(?:a?){40}a{40}b", letters],
    ["(?:(?>a|a)|a)*b", letters],
    ["(?:a(?!b)|a)*b$", letters],
    ["(?:(?<=a{0,40})a|a)*b", letters],
    ["(?:a*?)*?b", letters],
    ["(?:".repeat(99) + "a" + ")+".repeat(99) + "b", letters],
    ["(?:".repeat(99) + "a" + "*)*".repeat(99) + "b", letters],
    [".*.*.*.*x", "a".repeat(2000)],
    ["\\s+$", `${" ".repeat(100_000)}x`],
    ["(?:a|b)*c", "ab".repeat(1_000_000)],
  ])("%#", (pattern, text) => {
    const regex = compileRegex(pattern);
    expect(() => regex.find(text, 0, budget(200_000))).toThrow("too many steps");
    expect(() => regex.match(text, 0, budget(200_000))).toThrow("too many steps");
    expect(regex.find("none", 0, budget(200_000))).toBe(compileRegex(pattern).find("none", 0, budget(200_000)));
  });

  test("memory has a bound of its own", () => {
    const regex = compileRegex("(?:ab)*");
    const text = "ab".repeat(1_000_000);
    expect(() => regex.find(text, 0, budget(1e8))).toThrow(UnsupportedError);
    expect(regex.find(text.slice(0, 200_000), 0, budget(1e8))).toBe(200_000);
  });

  test("the budget is shared by all that is matched with it", () => {
    const regex = compileRegex("a+");
    const shared = budget(100);
    expect(() => {
      for (let i = 0; i < 100; i++) regex.find("aaaa", 0, shared);
    }).toThrow("too many steps");
  });
});
