import { specialMark, type TokenBytes } from "./token-bytes.ts";

/** Bytes; longer tokens (runs of spaces, dashes) are as good as none. */
const longestToken = 512;

/** A vocabulary as a tree of bytes, its nodes in depth-first order: node 0 is the root, and a node's descendants follow it. */
export class TokenTrie {
  readonly tokens: TokenBytes;
  readonly vocabSize: number;
  /** [nodes] */
  readonly byteAt: Uint8Array;
  /** [nodes] how many bytes lead there. */
  readonly depthAt: Uint16Array;
  /** [nodes] the first node that is no descendant. */
  readonly endAt: Int32Array;
  /** [nodes + 1] where the ids of the tokens that end there begin. */
  readonly idStarts: Int32Array;
  readonly ids: Int32Array;
  /** [nodes] the classes of the bytes (byteClasses) that lead from there to all its descendants, as bits. */
  readonly classesBelow: Int32Array;
  readonly maxDepth: number;
  /** [256] whether a token is this byte alone: with these any text of them can be written, whatever came before. */
  readonly singleBytes: Uint8Array;

  /** Of the tokens below `vocabSize`; those that have no bytes are never allowed. */
  constructor(tokens: TokenBytes, vocabSize: number) {
    const { bytes, starts } = tokens;
    this.tokens = tokens;
    this.vocabSize = vocabSize;
    const lengthOf = (id: number): number => starts[id + 1] - starts[id];
    const sorted = Int32Array.from({ length: Math.min(vocabSize, starts.length - 1) }, (_, id) => id)
      .filter((id) => lengthOf(id) > 0 && lengthOf(id) <= longestToken)
      .sort((a, b) => compare(bytes, starts[a], starts[a + 1], starts[b], starts[b + 1]) || a - b);
    const byteAt = [0];
    const depthAt = [0];
    const idStarts = [0];
    this.ids = sorted;
    this.singleBytes = new Uint8Array(256);
    // A special token is one token however long its name: whatever can begin it ends it, too.
    this.singleBytes[specialMark] = 1;
    let last = -1;
    for (const [i, id] of sorted.entries()) {
      const shared = last < 0 ? 0 : sharedLength(bytes, starts[last], starts[last + 1], starts[id], starts[id + 1]);
      for (let depth = shared + 1; depth <= lengthOf(id); depth++) {
        byteAt.push(bytes[starts[id] + depth - 1]);
        depthAt.push(depth);
        idStarts.push(i); // ids of the nodes before end here
      }
      if (lengthOf(id) === 1) this.singleBytes[bytes[starts[id]]] = 1;
      last = id;
    }
    idStarts.push(sorted.length);
    this.byteAt = Uint8Array.from(byteAt);
    this.depthAt = Uint16Array.from(depthAt);
    this.idStarts = Int32Array.from(idStarts);
    this.maxDepth = depthAt.reduce((most, depth) => Math.max(most, depth), 0);
    this.endAt = subtreeEnds(this.depthAt);
    this.classesBelow = classesBelow(this.byteAt, this.endAt);
  }

  /** The node that a byte leads to; -1: there is none. */
  child(node: number, byte: number): number {
    const end = this.endAt[node];
    let at = node + 1;
    while (at < end && this.byteAt[at] < byte) at = this.endAt[at];
    return at < end && this.byteAt[at] === byte ? at : -1;
  }
}

/** [256] bytes that grammars seldom tell apart are of one class, a number below 32. */
export const byteClasses: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const letter = String.fromCharCode(byte);
  if (byte >= 0x80) return 0;
  if (/[a-z]/.test(letter)) return 1;
  if (/[A-Z]/.test(letter)) return 2;
  if (/[0-9]/.test(letter)) return 3;
  return 5 + " \n\"\\/-.,:{}[]()<>+_'@".indexOf(letter);
});

function classesBelow(byteAt: Uint8Array, endAt: Int32Array): Int32Array {
  const classes = new Int32Array(byteAt.length);
  for (let node = byteAt.length - 1; node >= 0; node--)
    for (let child = node + 1; child < endAt[node]; child = endAt[child])
      classes[node] |= classes[child] | (1 << byteClasses[byteAt[child]]);
  return classes;
}

function compare(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): number {
  const shared = sharedLength(bytes, start, end, otherStart, otherEnd);
  if (start + shared === end || otherStart + shared === otherEnd) return end - start - (otherEnd - otherStart);
  return bytes[start + shared] - bytes[otherStart + shared];
}

function sharedLength(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): number {
  const most = Math.min(end - start, otherEnd - otherStart);
  let length = 0;
  while (length < most && bytes[start + length] === bytes[otherStart + length]) length++;
  return length;
}

function subtreeEnds(depths: Uint16Array): Int32Array {
  const ends = new Int32Array(depths.length);
  const open: number[] = [];
  for (const [node, depth] of depths.entries()) {
    while (open.length > depth) ends[open.pop()!] = node;
    open.push(node);
  }
  for (const node of open) ends[node] = depths.length;
  return ends;
}
