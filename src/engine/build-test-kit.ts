import { build } from "tsdown";

/** Bundles sources, by their names as modules, into a folder: Node 20 runs no TypeScript in the threads and processes that tests start. */
export async function buildModules(entry: Readonly<Record<string, string>>, outDir: string): Promise<void> {
  await build({
    config: false,
    entry: { ...entry },
    outDir,
    format: "esm",
    platform: "node",
    target: "node20.19",
    fixedExtension: true,
    dts: false,
    clean: false,
    report: false,
    logLevel: "silent",
  });
}
