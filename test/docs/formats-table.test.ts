import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { expect, test } from "vitest";
import { formatsTable } from "./formats-table.ts";

const introduction = `# Formats

What opens, what runs it, and what \`fewbit convert\` writes. Everything that opens also runs on the reference backend. Made from the
lists in the sources: \`npx vitest run test/docs -u\` makes it anew. The bits of each layout are drawn in [layouts.md](layouts.md); how kernels
work is in [kernels.md](kernels.md).

`;

test("docs/formats.md is what the lists say; -u makes it anew", async () => {
  const path = join(import.meta.dirname, "..", "..", "docs", "formats.md");
  const options = await resolveConfig(path);
  const text = await format(introduction + formatsTable(), { ...options, parser: "markdown" });
  await expect(text).toMatchFileSnapshot(path);
});
