import { seededRandom } from "../support/seeded-random.ts";

/** Numbers that a size, count or offset must not be believed to be. */
const numbers = [
  ...["0", "-1", "1", "3", "7", "64", "127", "4095", "65537", "2147483647", "4294967296", "9007199254740993"],
  ...["1e308", "1e999", "-0", "0.5", "18446744073709551615", "9".repeat(400)],
];
const values = [
  ...numbers,
  "null",
  "true",
  '""',
  '"\\u0000"',
  "[]",
  "{}",
  "[[[[]]]]",
  '"__proto__"',
  '"int4"',
  '"exllama"',
];

/**
 * A few changes to bytes, chosen by the seed: bits, lengths of 32 and 64 bits, parts that go, repeat or move, the end cut off, and numbers
 * and values of the JSON in it, at whose cost the file may grow. Most hit the first `headerBytes`, where meaning is dense.
 */
export function mutate(bytes: Uint8Array<ArrayBuffer>, headerBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const below = seededRandom(seed);
  let changed = bytes.slice();
  for (let left = 1 + below(3); left > 0 && changed.length > 0; left--) {
    const end = Math.max(1, Math.min(changed.length, below(8) === 0 ? changed.length : headerBytes));
    const at = below(end);
    const length = 1 + below(Math.min(64, changed.length - at));
    const view = new DataView(changed.buffer);
    switch (below(9)) {
      case 0:
        changed[at] ^= 1 << below(8);
        break;
      case 1:
        changed[at] = [0, 0x7f, 0x80, 0xff, 0x22, 0x7b, 0x5d][below(7)];
        break;
      case 2:
        if (at + 4 <= changed.length) view.setUint32(at, [0xffffffff, 0x7fffffff, 0x80000000, 1, 0][below(5)], true);
        break;
      case 3:
        if (at + 8 <= changed.length)
          view.setBigUint64(at, [2n ** 64n - 1n, 2n ** 63n, 2n ** 61n, 2n ** 40n, 1n][below(5)], true);
        break;
      case 4:
        changed = below(6) === 0 ? changed.slice(0, at) : splice(changed, at, length, new Uint8Array());
        break;
      case 5:
        changed = splice(changed, at, 0, changed.slice(at, at + length));
        break;
      case 6:
        changed.copyWithin(at, below(end), below(end) + length);
        break;
      default:
        changed = changeValue(changed, end, below);
    }
  }
  return changed;
}

/** Puts another value in the place of one that JSON holds there. Where the length is that of a safetensors header, it is kept true. */
function changeValue(
  bytes: Uint8Array<ArrayBuffer>,
  end: number,
  below: (limit: number) => number,
): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(bytes.buffer, 0, end).toString("latin1");
  const found = [...text.matchAll(/(?<=[[:,] *)(?:-?\d+|"[^"]*"|true|false|null)/g)];
  if (found.length === 0) return bytes;
  const [old] = found[below(found.length)].values();
  const { index } = found[below(found.length)];
  const choice = below(4);
  const value =
    choice === 0
      ? old
      : /\d/.test(text[index]) && choice < 3
        ? numbers[below(numbers.length)]
        : values[below(values.length)];
  const replaced = /^(?:-?\d+|"[^"]*"|true|false|null)/.exec(text.slice(index))![0];
  const changed = splice(bytes, index, replaced.length, Buffer.from(value, "latin1"));
  if (bytes[8] === 0x7b) {
    const view = new DataView(changed.buffer);
    const header = view.getBigUint64(0, true) + BigInt(value.length - replaced.length);
    if (header >= 0n) view.setBigUint64(0, BigInt.asUintN(64, header), true);
  }
  return changed;
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(bytes.length - removed + added.length);
  result.set(bytes.subarray(0, at));
  result.set(added, at);
  result.set(bytes.subarray(at + removed), at + added.length);
  return result;
}
