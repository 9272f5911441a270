// A vitest reporter whose last line is `123 passed, 0 failed, 4 skipped`, alone on its line, for scripts that read the log.
// It stands after the default reporter in vitest.config.ts, so that vitest's own summary comes first.

export default class SummaryReporter {
  #vitest;

  onInit(vitest) {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules, unhandledErrors) {
    const { passed, failed, skipped } = countResults(modules, unhandledErrors);
    this.#vitest.logger.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
}

/** A file or suite that fails by itself (an import, a hook), and an error outside any test, each count as one failure. */
function countResults(modules, unhandledErrors) {
  const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  for (const module of modules) {
    count.failed += Number(module.errors().length > 0);
    for (const suite of module.children.allSuites()) count.failed += Number(suite.errors().length > 0);
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test still pending belongs to a run that was broken off: nobody knows that it passes.
      count[state === "pending" ? "failed" : state] += 1;
    }
  }
  return count;
}
