/** What the browser keeps for this page. A browser may forbid it, or have no room: then values last as long as the page. */
export class PageStorage {
  readonly #storage: Pick<Storage, "getItem" | "setItem"> | undefined;
  readonly #own = new Map<string, string>();

  /** `find` is called once: reading `window.localStorage` throws where cookies are blocked. */
  constructor(find: () => Pick<Storage, "getItem" | "setItem">) {
    try {
      this.#storage = find();
    } catch {
      this.#storage = undefined;
    }
  }

  /** The JSON value of a key; undefined: there is none, or it is damaged. */
  read(key: string): unknown {
    try {
      const text = this.#own.get(key) ?? this.#storage?.getItem(key) ?? undefined;
      return text === undefined ? undefined : JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  /** False: it will be forgotten with the page, because there is no storage or no room in it. */
  write(key: string, value: unknown): boolean {
    const text = JSON.stringify(value);
    try {
      this.#storage?.setItem(key, text);
      this.#own.delete(key);
      if (this.#storage !== undefined) return true;
    } catch {
      // QuotaExceededError
    }
    this.#own.set(key, text);
    return false;
  }
}
