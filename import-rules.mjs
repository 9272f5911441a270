// Who may import whom below src/, checked by `npm run check:imports` (dependency-cruiser). A folder may use itself and
// whatever stands above it in the table, unless its row says less: "not" these, or "only" these. Type imports count.

const folders = [
  ["util"],
  ["io"],
  ["containers"],
  ["weights", "not", ["io", "containers"]],
  ["text", "only", ["util"]],
  ["text/grammar", "only", ["util", "text"]], // what an engine holds its answers to: bytes and token ids, no models' texts
  ["formats", "not", ["io"]],
  ["device", "only", ["util", "weights"]],
  ["backends/reference", "only", ["device", "weights", "util"]],
  ["backends/cpu", "only", ["device", "weights", "util"]],
  ["backends/cuda", "only", ["device", "weights", "util"]],
  ["backends/webgpu", "only", ["device", "weights", "util"]],
  ["models", "not", ["backends"]],
  ["compile", "not", ["backends"]],
  ["kv-cache", "only", ["util", "device"]],
  ["engine", "only", ["util", "device", "kv-cache", "text/grammar"]],
  ["checkpoint", "not", ["backends"]],
  ["hub", "only", ["util", "io"]],
  ["quantize", "not", ["backends"]],
  ["llm", "not", ["backends"]],
  ["server", "only", ["llm", "text", "util"]],
  ["page", "only", ["util"]], // runs in a browser, and knows the server by its API alone
  ["entry"], // alone names concrete backends
  ["cli", "not", ["backends"]],
];

/** Where `node:` modules and koffi may be imported; tests may import `node:` too. Nothing else runs in a browser. */
const nodeFiles = [
  "^src/(io|hub|backends/cpu|backends/cuda|engine)/.*[.]node[.]ts$",
  "^src/entry/(node|engine-child|grammar-thread)[.]ts$",
  "^src/cli/",
];

const test = "[.]test[.]ts$";
/** What only tests use, and lies beside what it stands in for. */
const testKits = ["-test-kit[.]ts$", "/null-executable[.]ts$", "/null-engine-child[.]node[.]ts$"];
const inFolder = (name) => `^src/${name}/`;

/** Two rules a folder: its sources obey the third column, its tests only the order of the list. */
const directions = folders.flatMap(([name, kind, named = []], index) => {
  const above = folders.slice(0, index).map(([other]) => other);
  const isNamed = (other) => named.some((prefix) => other === prefix || other.startsWith(`${prefix}/`));
  const allowed = above.filter((other) => kind === undefined || isNamed(other) === (kind === "only"));
  const mayUse = (others) => [name, ...others].map(inFolder);
  return [
    {
      name: `${name}-uses`,
      comment: `src/${name} may use ${allowed.length === 0 ? "nothing of ours" : `only ${allowed.join(", ")}`}`,
      severity: "error",
      from: { path: inFolder(name), pathNot: test },
      to: { path: "^src/", pathNot: mayUse(allowed) },
    },
    {
      name: `${name}-tests-use`,
      comment: `tests in src/${name} may use what stands above it: ${above.join(", ") || "nothing of ours"}`,
      severity: "error",
      from: { path: `${inFolder(name)}.*${test}` },
      to: { path: "^src/", pathNot: mayUse(above) },
    },
  ];
});

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    ...directions,
    {
      name: "known-folders",
      comment: "every source lies in a folder of the list; a new folder needs a row",
      severity: "error",
      from: { path: "^(src|test)/" },
      to: { path: "^src/", pathNot: folders.map(([name]) => inFolder(name)) },
    },
    {
      name: "known-folders-import",
      comment: "every source lies in a folder of the list; a new folder needs a row",
      severity: "error",
      from: { path: "^src/", pathNot: folders.map(([name]) => inFolder(name)) },
      to: {},
    },
    {
      name: "node-modules-in-node-files",
      comment: "node: belongs in *.node.ts under io, hub, backends/cpu, backends/cuda, engine; in cli and Node entries",
      severity: "error",
      from: { path: "^src/", pathNot: [...nodeFiles, test] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "koffi-in-node-files",
      comment: "koffi belongs where node: does",
      severity: "error",
      from: { path: "^src/", pathNot: nodeFiles },
      to: { path: "node_modules/koffi/" },
    },
    {
      name: "browser-reaches-no-node-file",
      comment: "whatever entry/browser.ts reaches runs in a browser",
      severity: "error",
      from: { path: "^src/entry/browser[.]ts$" },
      to: { reachable: true, path: nodeFiles },
    },
    {
      name: "no-cycles",
      comment: "modules that need each other are one module, or lack a third",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-tests-in-sources",
      comment: "sources know nothing of their tests",
      severity: "error",
      from: { path: "^src/", pathNot: test },
      to: { path: ["^test/", test] },
    },
    {
      name: "no-test-kits-in-sources",
      comment: "test kits and null devices are for tests and for each other",
      severity: "error",
      from: { path: "^src/", pathNot: [test, ...testKits] },
      to: { path: testKits },
    },
    {
      name: "only-real-dependencies",
      comment:
        "what sources import is in package.json's dependencies; the page alone carries what it needs in its bundle",
      severity: "error",
      from: { path: "^src/", pathNot: [test, ...testKits, "^src/page/"] },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "resolvable",
      comment: "the import leads nowhere",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    parser: "tsc",
    tsPreCompilationDeps: true, // `import type` counts
    tsConfig: { fileName: "tsconfig.json" },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
