import { defineConfig, type UserConfig } from "tsdown";

const common: UserConfig = {
  format: "esm",
  outDir: "dist",
  fixedExtension: true,
  hash: false, // chunk names stay the same from build to build
  sourcemap: false,
  // What can be closed is declared disposable, which a program compiled for ES2022 does not know of by itself.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  clean: ["dist"],
  report: false,
};

/** Two builds, because the browser's must not share chunks with what imports `node:`. */
export default defineConfig([
  {
    ...common,
    name: "node",
    platform: "node",
    target: "node20.19", // lowers `using`, which Node 20 cannot parse
    entry: {
      node: "src/entry/node.ts",
      "engine-child": "src/entry/engine-child.ts",
      cli: "src/cli/main.ts",
    },
    dts: { entry: ["src/entry/node.ts"] },
  },
  {
    ...common,
    name: "browser",
    platform: "browser",
    target: "es2023",
    entry: { browser: "src/entry/browser.ts" },
    outputOptions: { chunkFileNames: "browser-[name].mjs" },
    dts: true,
  },
]);
