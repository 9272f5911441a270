// Bundles page.mjs for browsers and serves it, with a model's folder beside it.
//
//   node examples/browser-page/serve.mjs MODEL     in a checkout after `npm run setup`; PORT=8081 is the default
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const model = process.argv[2];
if (model === undefined) {
  console.error("usage: node examples/browser-page/serve.mjs MODEL, a folder with config.json");
  process.exit(2);
}

const file = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const bundle = await rolldown({ input: file("page.mjs"), platform: "browser" });
const { output } = await bundle.generate({ entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" });
await bundle.close();
const site = new Map(output.map((part) => [`/${part.fileName}`, part.type === "chunk" ? part.code : part.source]));
site.set("/", readFileSync(file("index.html"), "utf8"));

const server = createServer((request, response) => {
  const pathname = request.url ?? "/";
  const page = site.get(pathname);
  if (page !== undefined) {
    response.setHeader("content-type", pathname === "/" ? "text/html" : "text/javascript");
    response.end(page);
  } else if (pathname.startsWith("/model/")) {
    sendRange(join(model, basename(pathname)), request, response);
  } else {
    response.writeHead(404).end();
  }
});

/**
 * Weights are read in pieces, so that a page never holds a whole file: any server that honours byte ranges can hold a model.
 *
 * @param {string} path
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
function sendRange(path, request, response) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  const start = Number(first ?? 0);
  const end = Math.min(Number(last ?? stat.size), stat.size - 1);
  if (start > end) {
    response.writeHead(416, { "content-range": `bytes */${stat.size}` }).end();
    return;
  }
  response.writeHead(first === undefined ? 200 : 206, {
    "content-length": end - start + 1,
    ...(first !== undefined && { "content-range": `bytes ${start}-${end}/${stat.size}` }),
  });
  createReadStream(path, { start, end }).pipe(response);
}

server.listen(Number(process.env.PORT ?? 8081), "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === "object" ? address?.port : address}`);
});
