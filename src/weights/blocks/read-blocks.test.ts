import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures } from "../../../test/support/fixtures.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { halfToFloat } from "../../util/float16.ts";
import { blockLayouts, isBlockType, type BlockType } from "./block-type.ts";
import { gridData, type GridName } from "./grid-data.ts";
import { evenSigns, gridTable } from "./grid.ts";
import { readBlocks } from "./read-blocks.ts";

interface GoldenCase {
  readonly type: string;
  readonly blocks: string;
  readonly sha256: string;
}

/** Random blocks and what ggml makes of them; make.mjs beside the file says how. */
const golden = JSON.parse(readFileSync(join(fixtures, "blocks", "cases.json"), "utf8")) as readonly GoldenCase[];

describe("the values are those of ggml, bit for bit", () => {
  test.each(golden)("$type", ({ type, blocks, sha256 }) => {
    if (!isBlockType(type)) throw new Error(`${type} is no type of ours`);
    const values = readBlocks(type, Buffer.from(blocks, "base64"));
    expect(createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex")).toBe(sha256);
  });

  test("for every type of today", () => {
    const today = Object.keys(blockLayouts).filter((type) => !/_V[12]$/.test(type));
    expect(golden.map(({ type }) => type).sort()).toEqual(today.sort());
  });
});

/** An old block made from one of today's by moving its parts: the f16 factors become f32, nibbles go where they lay. */
function oldBlock(block: Uint8Array, factors: number, keptBytes: number, neighbours: boolean): Uint8Array {
  const half = new DataView(block.buffer, block.byteOffset);
  const floats = Float32Array.from({ length: factors }, (_, i) => halfToFloat(half.getUint16(2 * i, true)));
  const rest = block.slice(2 * factors);
  if (neighbours) {
    const codes = rest.subarray(keptBytes);
    const nibbles = [...codes].map((byte) => byte & 15).concat([...codes].map((byte) => byte >> 4));
    codes.forEach((_, i) => (codes[i] = nibbles[2 * i] | (nibbles[2 * i + 1] << 4)));
  }
  return Uint8Array.of(...new Uint8Array(floats.buffer), ...rest);
}

/** As oldBlock, for types whose factors were f16 from the beginning. */
function oldNibbles(block: Uint8Array, keptBytes: number): Uint8Array {
  return Uint8Array.of(...block.subarray(0, keptBytes), ...oldBlock(block.subarray(keptBytes), 0, 0, true));
}

describe("old blocks hold what today's with the same parts hold", () => {
  test.each<readonly [BlockType, BlockType, (block: Uint8Array) => Uint8Array]>([
    ["Q4_0_V1", "Q4_0", (block) => oldBlock(block, 1, 0, true)],
    ["Q4_1_V1", "Q4_1", (block) => oldBlock(block, 2, 0, true)],
    ["Q5_0_V1", "Q5_0", (block) => oldNibbles(block, 6)],
    ["Q5_1_V1", "Q5_1", (block) => oldNibbles(block, 8)],
    ["Q4_0_V2", "Q4_0", (block) => oldBlock(block, 1, 0, false)],
    ["Q4_1_V2", "Q4_1", (block) => oldBlock(block, 2, 0, false)],
    ["Q8_0_V2", "Q8_0", (block) => oldBlock(block, 1, 0, false)],
  ])("%s", (old, today, convert) => {
    const random = seededRandom(3);
    const block = new Uint8Array(blockLayouts[today].bytes).map(() => random(256));
    block.set([0x12, 0x34, 0x56, 0x3a]); // factors that are numbers
    const converted = convert(block);
    expect(converted.byteLength).toBe(blockLayouts[old].bytes);
    expect(readBlocks(old, converted)).toEqual(readBlocks(today, block));
  });
});

test("with a factor in f32, the product is rounded before the minimum is added", () => {
  const block = new Uint8Array(24);
  new DataView(block.buffer).setFloat32(0, 1 + 2 ** -23, true);
  new DataView(block.buffer).setFloat32(4, -3, true);
  block[8] = 3;
  expect(readBlocks("Q4_1_V2", block)[0]).toBe(Math.fround(Math.fround(3 * (1 + 2 ** -23)) - 3));
});

test.each(Object.keys(gridData) as GridName[])("the grid %s has distinct rows of its values", (name) => {
  const { rows, lanes, values } = gridData[name];
  const table = gridTable(name);
  const spelled = Array.from({ length: rows }, (_, row) => table.slice(row * lanes, (row + 1) * lanes).join());
  expect(new Set(spelled).size).toBe(rows);
  expect(new Set(table)).toEqual(new Set(values));
});

test("the eighth sign makes their number even", () => {
  for (let seven = 0; seven < 128; seven++) {
    const signs = evenSigns(seven);
    expect(signs & 127).toBe(seven);
    expect([...signs.toString(2)].filter((bit) => bit === "1").length % 2).toBe(0);
  }
});
