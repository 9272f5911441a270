import { expect, test } from "vitest";
import { closeOverCase } from "./case-folding.ts";
import { CharTable } from "./char-table.ts";
import { CodePointSet } from "./code-point-set.ts";
import { unicodeProperty } from "./unicode-property.ts";

const text = (codePoint: number) => String.fromCodePoint(codePoint);

test.each(["L", "Cn", "Cs", "Co", "White_Space", "Noncharacter_Code_Point", "Script=Han", "Emoji", "Alphabetic"])(
  "%s has what it has in JavaScript",
  (name) => {
    const set = unicodeProperty(name) ?? CodePointSet.empty;
    const table = CharTable.of(set);
    const pattern = new RegExp(`^\\p{${name}}$`, "u");
    const wrong: number[] = [];
    for (let c = 0; c <= 0x10ffff; c += c < 0x30000 || (c & 0xffff) > 0xfff0 ? 1 : 13) {
      const expected = pattern.test(text(c));
      if (set.has(c) !== expected || table.has(c) !== expected) wrong.push(c);
    }
    expect(wrong).toEqual([]);
    expect(set.isEmpty).toBe(false);
  },
);

test.each([
  ["lu", "Lu"],
  ["uppercase letter", "Lu"],
  ["han", "Script=Han"],
  ["OLD-ITALIC", "Script=Old_Italic"],
  ["script=greek", "Script=Greek"],
  ["scx=Grek", "Script_Extensions=Greek"],
  ["gc=Nd", "Nd"],
  ["whitespace", "White_Space"],
  ["ascii", "ASCII"],
])("%s is %s", (loose, exact) => {
  expect(unicodeProperty(loose)).toEqual(unicodeProperty(exact));
});

test.each(["", "=", "sc=", "x=L", "Klingon", "L}|.{", "toString", "gc=Han"])("%j is no property", (name) => {
  expect(unicodeProperty(name)).toBeUndefined();
});

test("case closure is that of JavaScript's iu", () => {
  // The three pairs that only CaseFolding.txt of Unicode 15.1 and later joins: no mapping of one character leads there.
  const late = new Set([0x390, 0x1fd3, 0x3b0, 0x1fe3, 0xfb05, 0xfb06]);
  const wrong: string[] = [];
  for (const c of unicodeProperty("Changes_When_Casemapped")?.members() ?? []) {
    if (late.has(c)) continue;
    const closure = closeOverCase(CodePointSet.of(c));
    const [single] = text(c).normalize("NFC");
    const candidates = [
      c,
      ...closure.members(),
      ...[text(c).toUpperCase(), text(c).toLowerCase(), single].map((s) => s.codePointAt(0) ?? 0),
    ];
    for (const candidate of candidates) {
      const expected = new RegExp(`^\\u{${c.toString(16)}}$`, "iu").test(text(candidate));
      if (closure.has(candidate) !== expected) wrong.push(`${c.toString(16)} ${candidate.toString(16)}`);
    }
  }
  expect(wrong).toEqual([]);
  expect([...closeOverCase(CodePointSet.of(0x73)).members()]).toEqual([0x53, 0x73, 0x17f]);
  expect([...closeOverCase(CodePointSet.of(0x69)).members()]).toEqual([0x49, 0x69]);
});
