import { defineConfig } from "tsdown";

/**
 * One build of all entries, so that what Node and browsers share is there once. A shared chunk holds what every one of its entries
 * reaches: what browser.mjs imports is free of `node:` as its sources are (test/runtime/built-package.test.ts, test/package).
 */
const program = defineConfig({
  format: "esm",
  outDir: "dist",
  fixedExtension: true,
  hash: false, // chunk names stay the same from build to build
  sourcemap: false,
  // What can be closed is declared disposable, which a program compiled for ES2022 does not know of by itself.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  clean: ["dist"],
  report: false,
  platform: "neutral", // "node" puts an import of node:module into what is shared
  deps: { neverBundle: [/^node:/] },
  target: "node20.19", // lowers `using`, which Node 20 cannot parse
  entry: {
    node: "src/entry/node.ts",
    browser: "src/entry/browser.ts",
    server: "src/entry/server.ts",
    "grammar-thread": "src/entry/grammar-thread.ts",
    "engine-child": "src/entry/engine-child.ts",
    cli: "src/cli/main.ts",
  },
  dts: { entry: ["src/entry/node.ts", "src/entry/browser.ts", "src/entry/server.ts"] },
});

/** The chat page of `fewbit serve`: one script with all that it needs, beside the files that it is shown with. */
const page = defineConfig({
  format: "esm",
  outDir: "dist/page",
  outExtensions: () => ({ js: ".js" }),
  hash: false,
  sourcemap: false,
  clean: false,
  report: false,
  platform: "browser",
  minify: true,
  deps: { alwaysBundle: [/./] },
  target: "es2023",
  entry: { main: "src/page/main.ts" },
  dts: false,
  tsconfig: "src/page/tsconfig.json",
  copy: ["index.html", "style.css", "icon.svg"].map((name) => ({ from: `src/page/${name}`, to: "dist/page" })),
});

export default [program, page];
