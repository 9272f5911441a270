// Sources for benches that measure what the package does not export: bundled as the package's are, with no types to strip.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "tsdown";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Modules by name, from their paths below the root. */
export async function loadSources(entry) {
  const folder = join(root, "build", "bench"); // as deep as sources, so that the native library and koffi are found
  mkdirSync(folder, { recursive: true });
  const outDir = mkdtempSync(join(folder, "sources-"));
  process.on("exit", () => rmSync(outDir, { recursive: true }));
  await build({
    config: false,
    cwd: root,
    entry,
    outDir,
    format: "esm",
    dts: false,
    external: ["koffi"],
    logLevel: "silent",
  });
  const modules = Object.keys(entry).map(async (name) => [
    name,
    await import(pathToFileURL(join(outDir, `${name}.mjs`))),
  ]);
  return Object.fromEntries(await Promise.all(modules));
}
