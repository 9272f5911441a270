import { builtin, integerArgument, textArgument, type Builtin, type Builtins } from "./builtin.ts";
import { codePointIndex, lengthOfText } from "./code-points.ts";
import { formatBraces } from "./format-braces.ts";
import type { Allowance } from "./allowance.ts";
import { iterate } from "./sequences.ts";
import { whitespace } from "./split-source.ts";
import { renderError } from "./template-errors.ts";
import { capitalize, isLower, isTitle, isUpper, swapCase, titleWords } from "./text-case.ts";
import {
  countOf,
  replace,
  separatorText,
  split,
  splitFromRight,
  splitLines,
  strip,
  withinBounds,
} from "./text-search.ts";
import { Dict, isTrue, Tuple, typeName, type Value } from "./values.ts";

type Given = readonly (Value | undefined)[];

function method(parameters: string, run: (allowance: Allowance, text: string, given: Given) => Value): Builtin {
  return builtin(parameters, (allowance, self, given) => run(allowance, self as string, given));
}

/** A method that makes a text of about the same length by going through it. */
function mapping(map: (text: string) => string, stepsPerCharacter = 1 / 8): Builtin {
  return method("", (allowance, text) => {
    allowance.spend(text.length * stepsPerCharacter);
    return allowance.made(map(text));
  });
}

function predicate(test: (text: string) => boolean): Builtin {
  return method("", (allowance, text) => {
    allowance.spend(text.length / 8);
    return test(text);
  });
}

const matches = (pattern: RegExp): Builtin => predicate((text) => pattern.test(text));

function stripping(ends: "left" | "right" | "both"): Builtin {
  return method("chars?", (allowance, text, [chars]) => strip(allowance, text, chars, ends));
}

function splitting(cut: typeof split): Builtin {
  return method("sep? maxsplit?", (allowance, text, [separator, limit]) =>
    cut(allowance, text, separator, limit === undefined ? -1 : integerArgument(limit, "maxsplit")),
  );
}

function padding(name: string, sides: (missing: number, width: number) => number): Builtin {
  return method("width fillchar?", (allowance, text, [width, filler = " "]) => {
    const wanted = integerArgument(width as Value, "the width");
    const fill = textArgument(filler, "the fill character");
    if (lengthOfText(fill) !== 1) throw renderError(`${name}() fills with one character`);
    return pad(allowance, text, wanted, fill, sides);
  });
}

function pad(
  allowance: Allowance,
  text: string,
  width: number,
  fill: string,
  leftOf: (missing: number, width: number) => number,
): string {
  const missing = width - lengthOfText(text);
  if (missing <= 0) return text;
  allowance.spendText(text.length + missing * fill.length);
  const left = leftOf(missing, width);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

/** Of an odd rest, the left side gets more where the width is odd, as in Python. */
const centered = (missing: number, width: number): number => (missing >> 1) + (missing & width & 1);

/** Python's str.center. */
export function center(allowance: Allowance, text: string, width: number, fill = " "): string {
  return pad(allowance, text, width, fill, centered);
}

function finding(from: "left" | "right", isFailing: boolean): Builtin {
  return method("sub start? end?", (allowance, text, [sub, start, end]) => {
    const wanted = textArgument(sub as Value, "what to find");
    const within = withinBounds(allowance, text, start, end);
    if (within !== undefined) {
      const { part, before } = within;
      allowance.spendSearch(part.length, wanted.length);
      const offset = from === "left" ? part.indexOf(wanted) : part.lastIndexOf(wanted);
      if (offset >= 0) return BigInt(before + codePointIndex(part, offset));
    }
    if (isFailing) throw renderError("the text to find does not occur");
    return -1n;
  });
}

function affixTest(test: (part: string, affix: string) => boolean): Builtin {
  return method("affix start? end?", (allowance, text, [affix, start, end]) => {
    const within = withinBounds(allowance, text, start, end);
    const affixes = affix instanceof Tuple ? affix.items : [affix as Value];
    return affixes.some((item) => {
      const wanted = textArgument(item, "what a string starts or ends with");
      allowance.spendReading(wanted.length);
      return within !== undefined && test(within.part, wanted);
    });
  });
}

function partition(from: "left" | "right"): Builtin {
  return method("sep", (allowance, text, [separator]) => {
    const mark = separatorText(separator as Value);
    allowance.spendSearch(text.length, mark.length);
    const at = from === "left" ? text.indexOf(mark) : text.lastIndexOf(mark);
    if (at < 0) return new Tuple(from === "left" ? [text, "", ""] : ["", "", text]);
    return new Tuple([allowance.made(text.slice(0, at)), mark, allowance.made(text.slice(at + mark.length))]);
  });
}

/** The texts of a list with this one between them. Throws RequestError for an element that is no text. */
function join(allowance: Allowance, separator: string, values: Value): string {
  const parts: string[] = [];
  for (const value of iterate(allowance, values)) {
    if (typeof value !== "string")
      throw renderError(`join() takes strings, element ${parts.length} is of type ${typeName(value)}`);
    allowance.spendText(value.length + separator.length);
    parts.push(value);
  }
  return parts.join(separator);
}

function expandTabs(allowance: Allowance, text: string, size: number): string {
  let column = 0;
  allowance.spend(text.length / 4);
  const parts: string[] = [];
  for (const char of text) {
    const width = size > 0 ? size - (column % size) : 0;
    if (char === "\t") allowance.spendText(width);
    parts.push(char === "\t" ? " ".repeat(width) : char);
    column = char === "\n" || char === "\r" ? 0 : column + (char === "\t" ? width : 1);
  }
  return allowance.made(parts.join(""));
}

/** The methods of Python's str, less those that are about bytes (`encode`) or tables of characters (`translate`). */
export const stringMethods: Builtins = new Map(
  Object.entries({
    capitalize: mapping(capitalize),
    casefold: mapping((text) => text.toUpperCase().toLowerCase().replaceAll("ς", "σ"), 1 / 2),
    center: padding("center", centered),
    count: method("sub start? end?", (allowance, text, [sub, start, end]) => {
      const wanted = textArgument(sub as Value, "what to count");
      const within = withinBounds(allowance, text, start, end);
      return within === undefined ? 0n : BigInt(countOf(allowance, within.part, wanted));
    }),
    endswith: affixTest((part, affix) => part.endsWith(affix)),
    expandtabs: method("tabsize?", (allowance, text, [size = 8n]) =>
      expandTabs(allowance, text, integerArgument(size, "tabsize")),
    ),
    find: finding("left", false),
    format: builtin("*", (allowance, self, _, rest) => formatBraces(allowance, self as string, rest)),
    format_map: method("mapping", (allowance, text, [values]) => {
      if (!(values instanceof Dict)) throw renderError("format_map() takes a dict");
      const named = new Map<string, Value>();
      for (const [key, value] of values.entries()) if (typeof key === "string") named.set(key, value);
      return formatBraces(allowance, text, { positional: [], named });
    }),
    index: finding("left", true),
    isalnum: matches(/^[\p{L}\p{N}]+$/u),
    isalpha: matches(/^\p{L}+$/u),
    isascii: matches(/^[\0-\x7f]*$/),
    isdecimal: matches(/^\p{Nd}+$/u),
    isdigit: matches(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u),
    isidentifier: matches(/^[\p{ID_Start}_]\p{ID_Continue}*$/u),
    islower: predicate(isLower),
    isnumeric: matches(/^\p{N}+$/u),
    isprintable: matches(/^(?:(?![\p{C}\p{Zl}\p{Zp}])(?! )\P{Zs}| )*$/u),
    isspace: matches(new RegExp(`^[${whitespace}]+$`)),
    istitle: predicate(isTitle),
    isupper: predicate(isUpper),
    join: method("iterable", (allowance, text, [values]) => join(allowance, text, values as Value)),
    ljust: padding("ljust", () => 0),
    lower: mapping((text) => text.toLowerCase()),
    lstrip: stripping("left"),
    partition: partition("left"),
    removeprefix: method("prefix", (allowance, text, [prefix]) => {
      const affix = textArgument(prefix as Value, "the prefix");
      return allowance.made(text.startsWith(affix) ? text.slice(affix.length) : text);
    }),
    removesuffix: method("suffix", (allowance, text, [suffix]) => {
      const affix = textArgument(suffix as Value, "the suffix");
      return allowance.made(text.endsWith(affix) ? text.slice(0, text.length - affix.length) : text);
    }),
    replace: method("old new count?", (allowance, text, [old, replacement, count]) =>
      replace(
        allowance,
        text,
        textArgument(old as Value, "what to replace"),
        textArgument(replacement as Value, "the replacement"),
        count === undefined ? -1 : integerArgument(count, "the count"),
      ),
    ),
    rfind: finding("right", false),
    rindex: finding("right", true),
    rjust: padding("rjust", (missing) => missing),
    rpartition: partition("right"),
    rsplit: splitting(splitFromRight),
    rstrip: stripping("right"),
    split: splitting(split),
    splitlines: method("keepends?", (allowance, text, [keepsEnds = false]) =>
      splitLines(allowance, text, isTrue(keepsEnds)),
    ),
    startswith: affixTest((part, affix) => part.startsWith(affix)),
    strip: stripping("both"),
    swapcase: mapping(swapCase, 4),
    title: mapping(titleWords, 4),
    upper: mapping((text) => text.toUpperCase()),
    zfill: method("width", (allowance, text, [width]) => {
      const [sign = ""] = /^[+-]/.exec(text) ?? [];
      const wanted = integerArgument(width as Value, "the width") - sign.length;
      return sign + pad(allowance, text.slice(sign.length), wanted, "0", (missing) => missing);
    }),
  }),
);
