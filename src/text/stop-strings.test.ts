import { describe, expect, test } from "vitest";
import { StopStrings } from "./stop-strings.ts";

function run(stops: readonly string[], pieces: readonly string[]): { readonly out: string[]; readonly found?: string } {
  const watch = new StopStrings(stops);
  const out = [...pieces.map((piece) => watch.push(piece)), watch.finish()];
  return { out, ...(watch.found !== undefined && { found: watch.found }) };
}

/** Every way to cut a text into pieces. */
function* cuts(text: string): Generator<string[]> {
  for (let mask = 0; mask < 1 << (text.length - 1); mask++) {
    const pieces = [""];
    for (let i = 0; i < text.length; i++) {
      pieces[pieces.length - 1] += text[i];
      if (mask & (1 << i) && i < text.length - 1) pieces.push("");
    }
    yield pieces;
  }
}

describe("StopStrings", () => {
  test("lets text through that is no part of a stop string at once", () => {
    expect(run(["END"], ["hello ", "world"])).toEqual({ out: ["hello ", "world", ""] });
  });

  test("holds back what may become one, and lets it go when it does not", () => {
    expect(run(["END"], ["aE", "N", "x"])).toEqual({ out: ["a", "", "ENx", ""] });
    expect(run(["END"], ["aEN"])).toEqual({ out: ["a", "EN"] });
  });

  test("ends the text before the stop string, and for good", () => {
    expect(run(["END"], ["a", "E", "NDb", "c"])).toEqual({ out: ["a", "", "", "", ""], found: "END" });
  });

  test("no stop strings, empty ones, empty pieces", () => {
    expect(run([], ["a", ""])).toEqual({ out: ["a", "", ""] });
    expect(run([""], ["a"])).toEqual({ out: ["a", ""] });
  });

  test("a stop string that begins like itself", () => {
    expect(run(["aab"], ["a", "a", "a", "b"])).toEqual({ out: ["", "", "a", "", ""], found: "aab" });
    expect(run(["\n\nUser"], ["\n", "\n", "\n", "User"])).toEqual({ out: ["", "", "\n", "", ""], found: "\n\nUser" });
  });

  test.each<[readonly string[], string, string, string | undefined]>([
    [["abc", "c"], "xabcd", "x", "abc"],
    [["abcd", "bc"], "xabcd", "xa", "bc"],
    [["abd", "bc"], "abcabd", "a", "bc"],
    [["aba", "bab"], "xababab", "x", "aba"],
    [["zz"], "xazbz", "xazbz", undefined],
    [["😀"], "a😁b😀c", "a😁b", "😀"],
    [["</s>", "<s>"], "a</<s>b", "a</", "<s>"],
  ])("%j in %j, however it is cut", (stops, text, expected, found) => {
    for (const pieces of cuts(text)) {
      const result = run(stops, pieces);
      expect(result.out.join(""), pieces.join("|")).toBe(expected);
      expect(result.found).toBe(found);
    }
  });

  test("random texts over two letters: as a search over the whole text", () => {
    let state = 5;
    const random = (limit: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    const word = (length: number): string => Array.from({ length }, () => "ab"[random(2)]).join("");
    for (let i = 0; i < 2000; i++) {
      const stops = Array.from({ length: 1 + random(3) }, () => word(1 + random(5)));
      const text = word(random(14));
      const pieces: string[] = [];
      for (let at = 0; at < text.length;) {
        const length = 1 + random(4);
        pieces.push(text.slice(at, at + length));
        at += length;
      }
      let expected = text;
      for (let end = 1; end <= text.length; end++) {
        const hits = stops.filter((stop) => text.slice(0, end).endsWith(stop));
        if (hits.length === 0) continue;
        expected = text.slice(0, end - Math.max(...hits.map((stop) => stop.length)));
        break;
      }
      expect(run(stops, pieces).out.join(""), `${stops.join()} in ${text}`).toBe(expected);
    }
  });
});
