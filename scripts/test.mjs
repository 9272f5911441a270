#!/usr/bin/env node
// `npm test`: sets up, then every check, cheapest first, and the tests last; stops at the first that fails. Arguments go
// to vitest. The last line of a run that gets as far as the tests is `N passed, N failed, N skipped`.
import { npm } from "./lib/npm.mjs";
import { setUp } from "./setup.mjs";

const checks = ["format:check", "typecheck", "lint", "check:imports", "test:unit"];

await setUp();
for (const check of checks) {
  console.log(`> ${check}`);
  const args = check === "test:unit" ? ["--", ...process.argv.slice(2)] : [];
  const status = npm(["run", "--silent", check, ...args]);
  if (status === 0) continue;
  if (check !== "test:unit") console.error(`npm test stopped: \`npm run ${check}\` failed`);
  process.exit(status);
}
