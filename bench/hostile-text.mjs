#!/usr/bin/env node
// Chat templates and tokenizers that are made to hurt: what each costs until it is refused, against 100 ms and 64 MiB.
//
//   node bench/hostile-text.mjs [--only NAME] [--json]
//
// Each case runs in a process of its own, which has the program and the file in memory before the clock starts, and has run
// nothing. CPU time is that of all threads, so it includes the compilers and the collector of JavaScript and does not mind a
// machine that is busy much: what is above is measured again, three times in all; memory is the peak of what was resident less what was before. Exits with 1 where a case is not
// refused by an error of ours, or costs more.
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "tsdown";

const limits = { milliseconds: 100, mebibytes: 64 };

const longestTemplate = 2 ** 16;
/** As often as it fits into the longest template. */
const filling = (text, around = 16) => text.repeat(Math.floor((longestTemplate - around) / text.length));
const forever = (step, start) =>
  `{% set ns = namespace(s=${start}) %}{% for i in range(99999) %}{% set ns.s = ${step} %}{% endfor %}{{ ns.s }}`;
const unfolding = (name, levels = 60) =>
  `{% set ${name} = namespace(s=[1]) %}{% for i in range(${levels}) %}{% set ${name}.s = [${name}.s, ${name}.s] %}{% endfor %}`;

const templates = {
  "nested range":
    "{% for i in range(3000) %}{% for j in range(3000) %}{% for k in range(3000) %}{{ i * j + k }}{% endfor %}{% endfor %}{% endfor %}",
  "a list that unfolds when compared": `${unfolding("a")}${unfolding("b")}{{ a.s == b.s }}`,
  "a list that unfolds as JSON": `${unfolding("a")}{{ a.s | tojson(indent=400) }}`,
  "a text that doubles": forever("ns.s ~ ns.s", "'ab'"),
  "a text that doubles, beyond Latin-1": forever("ns.s + ns.s", "'😀'"),
  "a text that grows slowly": forever("ns.s ~ 'abcdefgh'", "''"),
  "a list that grows slowly": forever("ns.s + [i]", "[]"),
  "macros that call twice": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
  "a macro that calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
  "replacing all": "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
  "replacing again and again": forever("ns.s | replace('a', 'aa')", "'a'"),
  "a wide format": "{{ '%1000000000d' % 5 }}{{ '{:>1000000000}'.format(5) }}",
  "many wide formats": "{% for i in range(99999) %}{{ '%1000d' % i }}{% endfor %}",
  "long integers": forever("ns.s * ns.s", "3"),
  "long integers, printed": "{% set x = 10 ** 4290 %}{% for i in range(99999) %}{{ x + i }}{% endfor %}",
  "a search with no end":
    "{% set s = 'ab' * 90000 %}{% set p = 'ab' * 500 ~ 'b' ~ 'ab' * 500 %}{% for i in range(999) %}{{ s.find(p) }}{% endfor %}",
  sorting: "{% set l = range(99999) | list %}{% for i in range(99) %}{% set x = l | sort(reverse=true) %}{% endfor %}",
  "sorting texts":
    "{% set l = range(9999) | map('string') | list %}{% for i in range(999) %}{% set x = l | sort %}{% endfor %}",
  grouping: "{% for i in range(99) %}{% set x = range(99999) | map('string') | groupby(0) %}{% endfor %}",
  wrapping: "{{ ('a ' * 1000000) | wordwrap(1) }}",
  splitting: "{% set s = 'a' * 1000000 %}{% for i in range(999) %}{% set x = s.split('a') %}{% endfor %}",
  unique: "{% for i in range(999) %}{% set x = range(99999) | unique | list %}{% endfor %}",
  titles:
    "{% set s = 'aß ' * 100000 %}{% for i in range(999) %}{% set x = s | title | upper | lower | trim | capitalize %}{% endfor %}",
  escapes: "{% set s = '<&>' * 100000 %}{% for i in range(999) %}{% set x = s | tojson | tojson %}{% endfor %}",
  "a namespace in itself": "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}",
  "open parentheses": `{{ ${filling("(")}`,
  brackets: `{{ ${filling("[")} }}`,
  "brackets of one tag": `{{ ${"[".repeat(32_000)}${"]".repeat(32_000)} }}`,
  braces: filling("{"),
  "open tags": filling("{{ "),
  "open comments": filling("{#"),
  "many tags": `${filling("{{1}}", 32)}{{ nothing() }}`,
  "many blocks": filling("{% if 1 %}"),
  "many loops": `${filling("{% for a in b %}{% endfor %}", 32)}{{ nothing() }}`,
  "many macros": `${filling("{% macro m() %}{{ a }}{% endmacro %}", 32)}{{ nothing() }}`,
  "macros in macros": `${"{% macro m() %}".repeat(98)}${filling("{{a}}{{b}}", 3700)}${"{% endmacro %}".repeat(98)}{{ nothing() }}`,
  "names in macros": `${"{% macro m() %}".repeat(98)}{{ ${Array.from({ length: 12_000 }, (_, i) => `a${i.toString(36)}`).join("+")} }}${"{% endmacro %}".repeat(98)}{{ nothing() }}`,
  sums: `{{ 1${filling("+1")} }}{{ nothing() }}`.slice(-longestTemplate),
  signs: `{{ ${filling("-")}1 }}`,
  digits: `{{ ${filling("9")} }}`,
  underscores: `{{ ${filling("1_")} }}`,
  "digits of fractions": `{{ ${filling("1.", 32)} }}`,
  quotes: `{{ ${filling("'")}' }}`,
  "escapes in texts": `{{ '${filling("\\x41", 32)}' + 1 }}`,
  blanks: `{{ ${filling(" ")} }}`,
  "blank lines": `${filling("\n {%- if 1 -%}\n{% endif %}", 32)}{{ nothing() }}`,
  "blanks before tags": `${" ".repeat(50_000)}${"{%- if 1 -%}{% endif %}".repeat(600)}{{ nothing() }}`,
  "letters that combine": `{{ a${filling("\u0301", 32)} + 1 }}`,
};

const bpe = (members = {}) => ({
  type: "BPE",
  vocab: { a: 0, b: 1, ab: 2, "<u>": 3 },
  merges: ["a b"],
  unk_token: "<u>",
  ...members,
});
const tokenizer = (members, model = bpe()) => JSON.stringify({ model, ...members });
const listed = (count, of) => Array.from({ length: count }, (_, i) => of(i)).join();
const split = (Regex) => ({
  pre_tokenizer: { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
});
const replacing = (pattern, content, count = 1) => ({
  normalizer: { type: "Sequence", normalizers: Array(count).fill({ type: "Replace", pattern, content }) },
});

/** FNV-1a, as vocabularies use it. */
function hashOf(bytes, from = 0x811c9dc5) {
  let value = from;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return value;
}

/** 2 ** blocks texts of one hash: from each state two blocks lead to the same next one. */
function collidingTexts(blocks) {
  let texts = [""];
  let state = 0x811c9dc5;
  for (let block = 0; block < blocks; block++) {
    const seen = new Map();
    for (let i = 0; ; i++) {
      const text = i.toString(36).padStart(6, "0");
      const next = hashOf(Buffer.from(text), state);
      const other = seen.get(next);
      seen.set(next, text);
      if (other === undefined) continue;
      texts = texts.flatMap((begin) => [begin + text, begin + other]);
      state = next;
      break;
    }
  }
  return texts;
}

/** Pairs of ids of which all fall on one place of a table of merges; left ids below `count`, right ids from there on. */
function collidingMerges(wanted, slots) {
  const most = 1500;
  const pairs = [];
  for (let left = 0; left < most; left++) {
    for (let right = most; right < 2 * most; right++) {
      let hashed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
      hashed ^= hashed >>> 15;
      // Places that are near each other make one row of what is taken.
      if ((hashed & (slots - 1)) < 64) pairs.push([left, right]);
      if (pairs.length === wanted) return { most, pairs };
    }
  }
  return { most, pairs };
}

function mergesOfOnePlace() {
  const { most, pairs } = collidingMerges(30_000, 2 ** 16);
  const name = (id) => `${id.toString(36).padStart(3, "0")}`;
  const vocab = Object.fromEntries([
    ...Array.from({ length: 2 * most }, (_, id) => [name(id), id]),
    ...pairs.map(([left, right], i) => [name(left) + name(right), 2 * most + i]),
  ]);
  return tokenizer({}, { type: "BPE", vocab, merges: pairs.map(([left, right]) => [name(left), name(right)]) });
}

/** Each with the file's text, and maybe a text to encode. */
const tokenizers = {
  "merges in a circle": () => [
    tokenizer({}, bpe({ continuing_subword_prefix: "b", vocab: { a: 0, b: 1 }, merges: ["a b"] })),
  ],
  "a merge of nothing": () => [tokenizer({}, bpe({ vocab: { "": 0, a: 1 }, merges: [["a", ""]] }))],
  "an added token of 16 MiB": () => [tokenizer({ added_tokens: [{ id: 4, content: "x".repeat(2 ** 24) }] })],
  "many long added tokens": () => [
    tokenizer({
      added_tokens: Array.from({ length: 5000 }, (_, i) => ({ id: i + 4, content: `${i}${"x".repeat(1000)}` })),
    }),
  ],
  "as many added tokens as are taken, and one": () => [
    `{"model":${JSON.stringify(bpe())},"added_tokens":[${listed(131_073, (i) => `{"id":${i + 4},"content":"<${i}>"}`)}]}`,
  ],
  "a token of 16 MiB": () => [tokenizer({}, bpe({ vocab: { a: 0, ["x".repeat(2 ** 24)]: 1 } }))],
  "brackets, a million deep": () => [`{"x":${"[".repeat(1e6)}`],
  "objects, a million deep": () => [`{"model":{"vocab":{"a":${'{"a":'.repeat(1e6)}`],
  "sequences in sequences": () => [`{"normalizer":${'{"type":"Sequence","normalizers":['.repeat(1e5)}`],
  "an id that asks for gigabytes": () => [tokenizer({}, bpe({ vocab: { a: 4194303 } }))],
  "an id beyond numbers": () => [`{"model":{"type":"BPE","vocab":{"a":${"9".repeat(1e6)}},"merges":[]}}`],
  "a vocabulary of one hash": () => [
    tokenizer({}, bpe({ vocab: Object.fromEntries(collidingTexts(16).map((text, i) => [text, i])), unk_token: null })),
  ],
  "merges of one place": () => [mergesOfOnePlace(), "c"],
  "escapes in a vocabulary": () => [
    `{"model":{"type":"BPE","vocab":{${listed(50_000, (i) => `"\\u00${(i & 127).toString(16).padStart(2, "0")}${i}":${i}`)}},"merges":["x y"]}}`,
  ],
  "an expression that goes back for ever": () => [tokenizer(split("(a+)+$")), `${"a".repeat(5000)}b`],
  "an expression of two equal halves": () => [tokenizer(split("(a|a)*c")), "a".repeat(5000)],
  "an expression that looks far ahead": () => [tokenizer(split("a*c")), "a".repeat(1e5)],
  "an expression that looks far ahead lazily": () => [tokenizer(split("a*?c")), "a".repeat(1e5)],
  "an expression that looks ahead in looking ahead": () => [
    tokenizer(split("(?=(?=(?=a*c)a*c)a*c)a")),
    "a".repeat(1e5),
  ],
  "an expression that looks behind": () => [tokenizer(split("(?<=a{1000})c|(?<!a{1000}b)d")), "a".repeat(1e4)],
  "many alternatives": () => [tokenizer(split(listed(20_000, (i) => `a${i}`).replaceAll(",", "|"))), "a".repeat(1e5)],
  "counts of counts": () => [tokenizer(split("((((a{1000}){1000}){1000}){1000})"))],
  "counts of nothing": () => [tokenizer(split("(((a?){1000}){1000})")), "a".repeat(100)],
  "groups, deep": () => [tokenizer(split(`${"(".repeat(1e5)}a${")".repeat(1e5)}`))],
  "an expression of a megabyte": () => [tokenizer(split("a".repeat(1e6)))],
  "classes, many": () => [tokenizer(split("[\\p{L}\\p{N}^\\s]".repeat(5000)))],
  "classes without case": () => [tokenizer(split(`(?i)${"[^\\p{L}]|[\\p{N}]".repeat(1000)}`))],
  "a text that doubles": () => [
    tokenizer({ normalizer: { type: "Sequence", normalizers: Array(60).fill({ type: "ByteLevel" }) } }),
    "é".repeat(100),
  ],
  "replacements that grow": () => [tokenizer(replacing({ String: "a" }, "a".repeat(1000), 8)), "a".repeat(100)],
  "replacements of nothing": () => [tokenizer(replacing({ Regex: "" }, "aaaa", 60)), "a".repeat(100)],
  "a prefix in every piece": () => [
    tokenizer({
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: Array(200).fill({ type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true }),
      },
      normalizer: { type: "Prepend", prepend: "a".repeat(60_000) },
    }),
    "a b c ".repeat(1000),
  ],
  "an unknown token that is not there": () => [tokenizer({}, bpe({ unk_token: "<none>" })), "c"],
};

const selected = { only: { type: "string" }, json: { type: "boolean", default: false } };
const { values } = parseArgs({ options: selected });
const root = fileURLToPath(new URL("../", import.meta.url));
const outDir = mkdtempSync(join(tmpdir(), "fewbit-hostile-"));
const entry = {
  template: "src/text/chat-template.ts",
  build: "src/text/tokenizer/build-tokenizer.ts",
  parse: "src/text/tokenizer/json/parse-tokenizer-json.ts",
  errors: "src/util/errors.ts",
};
const file = join(outDir, "input.json");

/** Runs `attack`, which sees the modules by their names, `first` and `second`. */
function measure(attack, first, second = "") {
  writeFileSync(file, JSON.stringify([first, second]));
  const imports = Object.keys(entry).map(
    (name) => `import * as ${name} from ${JSON.stringify(pathToFileURL(join(outDir, `${name}.mjs`)).href)};`,
  );
  const program = `${imports.join("\n")}
    import { readFileSync } from "node:fs";
    const [first, second] = JSON.parse(readFileSync(${JSON.stringify(file)}, "utf8"));
    const bytes = new TextEncoder().encode(first);
    globalThis.gc();
    const before = { rss: process.memoryUsage.rss(), cpu: process.cpuUsage(), time: performance.now() };
    let refusal;
    try { ${attack} } catch (error) { refusal = error; }
    const wall = performance.now() - before.time;
    const { user, system } = process.cpuUsage(before.cpu);
    const outcome = refusal === undefined ? "no error" : refusal instanceof errors.FewbitError ? "" : String(refusal.stack).slice(0, 300);
    console.log(JSON.stringify({
      cpu: (user + system) / 1e3, wall, mebibytes: Math.max(0, process.resourceUsage().maxRSS / 1024 - before.rss / 2 ** 20),
      outcome, message: String(refusal?.message).slice(0, 160),
    }));`;
  const source = join(outDir, "attack.mjs");
  writeFileSync(source, program);
  try {
    return JSON.parse(
      execFileSync(process.execPath, ["--expose-gc", source], {
        encoding: "utf8",
        timeout: 120_000,
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  } catch (error) {
    return {
      cpu: Infinity,
      wall: Infinity,
      mebibytes: Infinity,
      outcome: `the process ended: ${error.message.slice(0, 200)}`,
      message: "",
    };
  }
}

const isTooMuch = ({ cpu, mebibytes }) => cpu > limits.milliseconds || mebibytes > limits.mebibytes;

/** What others do on the machine only adds to a measurement: one that is too high is taken again. */
function leastOf(take, attempts = 3) {
  let least = take();
  for (let i = 1; i < attempts && isTooMuch(least) && Number.isFinite(least.cpu); i++) {
    const again = take();
    if (again.cpu < least.cpu) least = again;
  }
  return least;
}

let failed = 0;
function judge(kind, name, result) {
  const isBad = isTooMuch(result) || result.outcome !== "";
  failed += isBad ? 1 : 0;
  if (values.json) return console.log(JSON.stringify({ kind, name, ...result }));
  const cells = [
    result.cpu.toFixed(0).padStart(6),
    result.wall.toFixed(0).padStart(6),
    result.mebibytes.toFixed(0).padStart(6),
  ];
  console.log(`${isBad ? "FAIL" : "ok  "} ${cells.join(" ")}  ${kind}: ${name}  ${result.outcome || result.message}`);
}

try {
  await build({ config: false, cwd: root, entry, outDir, format: "esm", dts: false, logLevel: "silent" });
  if (!values.json) console.log("     CPU ms   wall    MiB");
  const isSelected = (name) => values.only === undefined || name.includes(values.only);
  const rendering =
    'template.createChatTemplate(first, { bos_token: "<s>", eos_token: "</s>" }).render({ messages: [{ role: "user", content: "Hi" }] });';
  for (const [name, source] of Object.entries(templates)) {
    if (isSelected(name))
      judge(
        "template",
        name,
        leastOf(() => measure(rendering, source)),
      );
  }
  const encoding =
    'const made = build.buildTokenizer(parse.parseTokenizerJson(bytes, "tokenizer.json")); if (second) made.encode(second);';
  for (const [name, make] of Object.entries(tokenizers)) {
    if (!isSelected(name)) continue;
    const input = make();
    judge(
      "tokenizer",
      name,
      leastOf(() => measure(encoding, ...input)),
    );
  }
} finally {
  rmSync(outDir, { recursive: true });
}
process.exitCode = failed > 0 ? 1 : 0;
