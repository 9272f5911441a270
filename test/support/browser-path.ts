import { existsSync } from "node:fs";

const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A browser that Playwright can drive; undefined: there is none here. */
export const browserPath = usual.find((path) => existsSync(path));
if (browserPath === undefined) console.log(`skipped: there is no browser (looked for ${usual.join(", ")})`);
