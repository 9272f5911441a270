import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const nodeOnly = ["src/**/*.node.ts", "src/entry/node.ts", "src/entry/engine-child.ts", "src/cli/**/*.ts"];

export default defineConfig([
  globalIgnores(["build/", "coverage/", "dist/", "models/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-console": "off",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["**/*.mjs", "**/*.js"],
    languageOptions: {
      globals: { console: false, process: false, URL: false, fetch: false, setTimeout: false, clearTimeout: false },
    },
  },
  {
    files: ["examples/**/*.mjs"],
    rules: { "no-undef": "off" }, // TypeScript knows the names of Node and of browsers: examples/tsconfig.json
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A lost promise is a lost device error.
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",

      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-unnecessary-condition": "off", // it believes array reads, which may be undefined
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],

      // `throw value satisfies never` closes an exhaustive switch, and `never` is no Error; src/ has a rule below.
      "@typescript-eslint/only-throw-error": "off",

      // What an interface promises to be asynchronous may have nothing to wait for in one implementation.
      "@typescript-eslint/require-await": "off",
      // Kernels loop over several arrays by one index.
      "@typescript-eslint/prefer-for-of": "off",
      // Unions of object types and aliases are written as reads best.
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/no-inferrable-types": "off",
      // An empty function or method is a null object's whole body.
      "@typescript-eslint/no-empty-function": "off",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "Export by name: one name per thing, everywhere." },
        {
          selector: "ThrowStatement > :matches(Literal, TemplateLiteral, ObjectExpression)",
          message: "Throw an Error: src/util/errors.ts has one for each reaction that a caller may have.",
        },
      ],
    },
  },
  {
    // Imports of node: are import-rules.mjs's business; these need none.
    files: ["src/**/*.ts"],
    ignores: [...nodeOnly, "**/*.test.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...["process", "Buffer", "global", "require", "setImmediate"].map((name) => ({
          name,
          message: "Node only: it belongs in a *.node.ts file, in cli/ or in a Node entry.",
        })),
      ],
    },
  },
]);
