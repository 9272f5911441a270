const deepest = 64;
const shapes = {
  blank: /\s*/y,
  name: /[A-Za-z_]\w*/y,
  number: /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y,
  string: /'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*"/y,
} as const;

const constants: Readonly<Record<string, unknown>> = {
  True: true,
  False: false,
  None: null,
  true: true,
  false: false,
  null: null,
};

/** Arguments as Python writes them, `name=value, …`: numbers, strings, constants, lists, tuples and dictionaries of strings. */
export function readPythonArguments(source: string): ReadonlyMap<string, unknown> | undefined {
  const reader = new PythonReader(source);
  try {
    return reader.keywords();
  } catch (error) {
    if (error instanceof NotPython) return undefined;
    throw error;
  }
}

class NotPython extends Error {}

class PythonReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  keywords(): ReadonlyMap<string, unknown> {
    const values = new Map<string, unknown>();
    while (!this.#isAtEnd()) {
      const name = this.#require("name");
      if (!this.#take("=")) throw new NotPython();
      values.set(name, this.#value(deepest));
      if (!this.#take(",") && !this.#isAtEnd()) throw new NotPython();
    }
    return values;
  }

  #value(depth: number): unknown {
    if (depth <= 0) throw new NotPython();
    if (this.#take("[")) return this.#list("]", depth);
    if (this.#take("(")) return this.#list(")", depth);
    if (this.#take("{")) return this.#dictionary(depth);
    const string = this.#match("string");
    if (string !== undefined) return unescape(string.slice(1, -1));
    const number = this.#match("number");
    if (number !== undefined) return Number(number);
    const name = this.#require("name");
    if (!Object.hasOwn(constants, name)) throw new NotPython();
    return constants[name];
  }

  #list(close: string, depth: number): readonly unknown[] {
    const values: unknown[] = [];
    while (!this.#take(close)) {
      values.push(this.#value(depth - 1));
      if (!this.#take(",") && !this.#isNext(close)) throw new NotPython();
    }
    return values;
  }

  #dictionary(depth: number): unknown {
    const members: [string, unknown][] = [];
    while (!this.#take("}")) {
      const key = unescape(this.#require("string").slice(1, -1));
      if (!this.#take(":")) throw new NotPython();
      members.push([key, this.#value(depth - 1)]);
      if (!this.#take(",") && !this.#isNext("}")) throw new NotPython();
    }
    return Object.fromEntries(members);
  }

  #isAtEnd(): boolean {
    this.#match("blank");
    return this.#at === this.#source.length;
  }

  #isNext(sign: string): boolean {
    this.#match("blank");
    return this.#source.startsWith(sign, this.#at);
  }

  #take(sign: string): boolean {
    if (!this.#isNext(sign)) return false;
    this.#at += sign.length;
    return true;
  }

  #require(kind: keyof typeof shapes): string {
    const text = this.#match(kind);
    if (text === undefined) throw new NotPython();
    return text;
  }

  #match(kind: keyof typeof shapes): string | undefined {
    if (kind !== "blank") this.#match("blank");
    const shape = shapes[kind];
    shape.lastIndex = this.#at;
    const text = shape.exec(this.#source)?.[0];
    this.#at += text?.length ?? 0;
    return text;
  }
}

const controls: Readonly<Record<string, string | undefined>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  "\n": "",
};

function unescape(text: string): string {
  return text.replace(
    /\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([^]))/g,
    (all, u?: string, x?: string, letter?: string) => {
      const digits = u ?? x;
      if (digits !== undefined) return String.fromCharCode(parseInt(digits, 16));
      // Python leaves a backslash before a letter that means nothing.
      return controls[letter!] ?? (/\w/.test(letter!) ? all : letter!);
    },
  );
}
