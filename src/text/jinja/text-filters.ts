import { builtin, integerArgument, textArgument, wrongType, type Builtin } from "./builtin.ts";
import { lengthOfText } from "./code-points.ts";
import { formatPercent } from "./format-percent.ts";
import { toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { isIterable, iterate, listOf, slice } from "./sequences.ts";
import { center } from "./string-methods.ts";
import { renderError } from "./template-errors.ts";
import { capitalize } from "./text-case.ts";
import { replace, splitFromRight, splitLines, strip } from "./text-search.ts";
import { toJson } from "./to-json.ts";
import { Dict, isTrue, Tuple, Undefined, type Value } from "./values.ts";
import { wrapWords } from "./wrap-words.ts";

/** A filter that takes the printed form of any value. */
function mapping(map: (text: string) => string, stepsPerCharacter = 1 / 8): Builtin {
  return builtin("", (allowance, self) => {
    const text = toText(allowance, self);
    allowance.spend(text.length * stepsPerCharacter);
    return allowance.made(map(text));
  });
}

const htmlEscapes: Readonly<Record<string, string>> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" },
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => htmlEscapes[char]);

const title = mapping(
  (text) =>
    text.replace(/[^-\s({[<]+/gu, (word) => {
      const [first] = word;
      return first.toUpperCase() + word.slice(first.length).toLowerCase();
    }),
  4,
);

const indent = builtin("width? first? blank?", (allowance, self, [width = 4n, first = false, blank = false]) => {
  const text = textArgument(self, "what is indented");
  const count = typeof width === "string" ? 0 : Math.max(0, integerArgument(width, "the width"));
  allowance.spendText(count);
  const margin = typeof width === "string" ? width : " ".repeat(count);
  const lines = splitLines(allowance, `${text}\n`, false);
  allowance.spendText(text.length + lines.length * (margin.length + 1));
  const [head, ...rest] = lines;
  const body = rest.map((line) => (line !== "" || isTrue(blank) ? margin + line : line));
  return (isTrue(first) ? margin : "") + [head, ...body].join("\n");
});

const truncate = builtin(
  "length? killwords? end? leeway?",
  (allowance, self, [length = 255n, killsWords = false, end = "...", leeway = 5n]) => {
    const text = textArgument(self, "what is truncated");
    const ending = textArgument(end, "the ending");
    const most = integerArgument(length, "the length");
    const endLength = lengthOfText(ending);
    if (most < endLength)
      throw renderError(`a length of ${most} has no room for the ending of ${endLength} characters`);
    if (lengthOfText(text) <= most + integerArgument(leeway ?? 5n, "the leeway")) return text;
    const start = slice(allowance, text, {
      start: undefined,
      stop: BigInt(most - endLength),
      step: undefined,
    }) as string;
    return allowance.made((isTrue(killsWords) ? start : splitFromRight(allowance, start, " ", 1)[0]) + ending);
  },
);

const wordwrap = builtin(
  "width? break_long_words? wrapstring? break_on_hyphens?",
  (allowance, self, [width = 79n, breaksLongWords = true, wrapString, breaksOnHyphens = true]) => {
    const options = {
      width: integerArgument(width, "the width"),
      breaksLongWords: isTrue(breaksLongWords),
      breaksOnHyphens: isTrue(breaksOnHyphens),
    };
    if (options.width < 1) throw renderError("the width must be above 0");
    const newline = wrapString == null ? "\n" : textArgument(wrapString, "what separates lines");
    const lines = splitLines(allowance, textArgument(self, "what is wrapped"), false).map((line) =>
      wrapWords(allowance, line, options),
    );
    allowance.spendText(newline.length * lines.reduce((count, wrapped) => count + wrapped.length + 1, 0));
    return allowance.made(lines.map((wrapped) => wrapped.join(newline)).join(newline));
  },
);

const loneSurrogate = /\p{Cs}/u;

/** Python's urllib.parse.quote; in a query a space is a plus, and a slash is not left alone. */
function urlQuote(allowance: Allowance, value: Value, isQuery: boolean): string {
  const text = toText(allowance, value);
  allowance.spendText(text.length * 3);
  if (loneSurrogate.test(text)) throw renderError("half of a surrogate pair has no place in a URL");
  const quoted = encodeURIComponent(text).replace(
    /[!*'()]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return isQuery ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}

const urlencode = builtin("", (allowance, self) => {
  if (typeof self === "string" || !isIterable(self)) return urlQuote(allowance, self, false);
  const pairs =
    self instanceof Dict ? self.entries() : [...iterate(allowance, self)].map((pair) => listOf(allowance, pair));
  const parts: string[] = [];
  for (const pair of pairs) {
    if (pair.length !== 2) throw renderError("urlencode takes a dict, or pairs of names and values");
    allowance.spendElements(2);
    parts.push(`${urlQuote(allowance, pair[0], true)}=${urlQuote(allowance, pair[1], true)}`);
  }
  return allowance.made(parts.join("&"));
});

const xmlattr = builtin("autospace?", (allowance, self, [hasSpace = true]) => {
  if (!(self instanceof Dict)) throw wrongType(self, "what holds attributes", "a dict");
  const parts: string[] = [];
  for (const [key, value] of self.entries()) {
    if (value === null || value instanceof Undefined) continue;
    const name = toText(allowance, key);
    if (/[\s/>=]/.test(name)) throw renderError("the name of an attribute has a character that it cannot have");
    parts.push(allowance.made(`${escapeHtml(name)}="${escapeHtml(toText(allowance, value))}"`));
  }
  return (isTrue(hasSpace) && parts.length > 0 ? " " : "") + allowance.made(parts.join(" "));
});

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\xa0" };

/** Without comments and tags, blanks as one space each. Of the entities, those that `escape` makes and a few more are read back. */
function stripTags(text: string): string {
  let rest = text;
  for (const [open, close] of [
    ["<!--", "-->"],
    ["<", ">"],
  ]) {
    const parts: string[] = [];
    let from = 0;
    for (let at = rest.indexOf(open); at >= 0; at = rest.indexOf(open, from)) {
      const end = rest.indexOf(close, at);
      if (end < 0) break;
      parts.push(rest.slice(from, at));
      from = end + close.length;
    }
    rest = parts.join("") + rest.slice(from);
  }
  return rest
    .trim()
    .replace(/\s+/g, " ")
    .replace(
      /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(\w{2,4}));/g,
      (whole, decimal?: string, hex?: string, name?: string) => {
        if (name !== undefined) return Object.hasOwn(entities, name) ? entities[name] : whole;
        const code = decimal === undefined ? parseInt(hex ?? "", 16) : Number(decimal);
        return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      },
    );
}

const format = builtin("*", (allowance, self, _, { positional, named }) => {
  if (positional.length > 0 && named.size > 0) throw renderError("format takes values with names or without, not both");
  const values = named.size > 0 ? Dict.from(named) : new Tuple(positional);
  return formatPercent(allowance, toText(allowance, self), values);
});

export const textFilters = {
  ...{ format, indent, title, truncate, urlencode, wordwrap, xmlattr },
  capitalize: mapping(capitalize),
  center: builtin("width?", (allowance, self, [width = 80n]) =>
    center(allowance, toText(allowance, self), integerArgument(width, "the width")),
  ),
  e: mapping(escapeHtml, 2),
  escape: mapping(escapeHtml, 2),
  forceescape: mapping(escapeHtml, 2),
  lower: mapping((text) => text.toLowerCase()),
  replace: builtin("old new count?", (allowance, self, [old, replacement, count]) =>
    replace(
      allowance,
      toText(allowance, self),
      toText(allowance, old as Value),
      toText(allowance, replacement as Value),
      count == null ? -1 : integerArgument(count, "the count"),
    ),
  ),
  safe: mapping((text) => text),
  string: mapping((text) => text),
  striptags: mapping(stripTags, 2),
  tojson: builtin("ensure_ascii? indent? separators? sort_keys?", (allowance, self, given) => {
    const [ensureAscii, indentation, separators, sortKeys] = given;
    return toJson(allowance, self, { ensureAscii, indent: indentation, separators, sortKeys });
  }),
  trim: builtin("chars?", (allowance, self, [chars]) => strip(allowance, toText(allowance, self), chars, "both")),
  upper: mapping((text) => text.toUpperCase()),
  wordcount: builtin("", (allowance, self) => {
    const text = toText(allowance, self);
    allowance.spend(text.length / 4);
    allowance.spendElements(text.length / 2);
    return BigInt(text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0);
  }),
} satisfies Readonly<Record<string, Builtin>>;
