import { expect, test } from "vitest";
import { sampleValues } from "../../../test/fixtures/blocks/sample-values.mjs";
import { plainSearch } from "../../weights/blocks/candidate-search.ts";
import { encodeBlocks, writtenBlockTypes } from "../../weights/blocks/encode-blocks.ts";
import { findLibrary, thisPlace } from "./find-library.node.ts";
import { NativeSearch } from "./native-search.node.ts";

const hasLibrary = (() => {
  try {
    findLibrary(thisPlace());
    return true;
  } catch {
    console.log("skipped: there is no native library");
    return false;
  }
})();

test.skipIf(!hasLibrary).each(writtenBlockTypes)("%s: native code finds what TypeScript does", async (type) => {
  const values = sampleValues(3 * 4096);
  values.fill(0, 0, 256);
  values.fill(0.25, 256, 512);
  using search = NativeSearch.open(3);
  expect(await encodeBlocks(type, values, search)).toEqual(await encodeBlocks(type, values, plainSearch));
});
