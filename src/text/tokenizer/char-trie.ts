import { FormatError } from "../../util/errors.ts";

/** Each node takes some 20 bytes. */
const maxNodes = 2 ** 22;

/** A set of texts, each with a number, that is walked one UTF-16 unit at a time. Node 0 is the root. */
export class CharTrie {
  #nodeCount = 1;
  #parents = new Int32Array(256);
  #codes = new Uint16Array(256);
  #values = new Int32Array(256).fill(-1);
  /** Node, 0 for a free place; its length is a power of two and at least twice the number of nodes. */
  #slots = new Int32Array(1024);

  /** A text that is there already gets the new value. Throws FormatError when there are too many. */
  set(text: string, value: number): void {
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const next = this.child(node, code);
      node = next === -1 ? this.#add(node, code) : next;
    }
    this.#values[node] = value;
  }

  /** The node one unit further, -1 for none. */
  child(node: number, code: number): number {
    const found = this.#slots[this.#place(node, code)];
    return found === 0 ? -1 : found;
  }

  /** The number of the text that ends at a node, -1 for none. */
  value(node: number): number {
    return this.#values[node];
  }

  #add(parent: number, code: number): number {
    if (this.#nodeCount === maxNodes) throw new FormatError(`tokenizer: its tokens need more than ${maxNodes} nodes`);
    const node = this.#nodeCount++;
    if (node === this.#parents.length) this.#grow();
    this.#parents[node] = parent;
    this.#codes[node] = code;
    this.#slots[this.#place(parent, code)] = node;
    return node;
  }

  #grow(): void {
    const capacity = 2 * this.#parents.length;
    const parents = new Int32Array(capacity);
    parents.set(this.#parents);
    const codes = new Uint16Array(capacity);
    codes.set(this.#codes);
    const values = new Int32Array(capacity).fill(-1);
    values.set(this.#values);
    [this.#parents, this.#codes, this.#values] = [parents, codes, values];
    this.#slots = new Int32Array(4 * capacity);
    for (let node = 1; node < this.#nodeCount - 1; node++) {
      this.#slots[this.#place(parents[node], codes[node])] = node;
    }
  }

  #place(parent: number, code: number): number {
    const mask = this.#slots.length - 1;
    let hashed = Math.imul(parent, 0x9e3779b1) ^ Math.imul(code, 0x85ebca6b);
    hashed ^= hashed >>> 15;
    for (let place = hashed & mask; ; place = (place + 1) & mask) {
      const node = this.#slots[place];
      if (node === 0 || (this.#parents[node] === parent && this.#codes[node] === code)) return place;
    }
  }
}
