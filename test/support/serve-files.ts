import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface FileServer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
}

const types: Readonly<Record<string, string>> = { html: "text/html", mjs: "text/javascript", json: "application/json" };

/** Serves files by their paths ("/model/config.json") over HTTP on this machine, honouring byte ranges. */
export async function serveFiles(files: ReadonlyMap<string, Uint8Array>): Promise<FileServer> {
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const content = files.get(path);
    if (content === undefined) return void response.writeHead(404).end();
    const headers = { "content-type": types[path.split(".").at(-1) ?? ""] ?? "application/octet-stream" };
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (first === undefined) return void response.writeHead(200, headers).end(content);
    const end = Math.min(Number(last) + 1, content.length);
    response.writeHead(206, { ...headers, "content-range": `bytes ${first}-${end - 1}/${content.length}` });
    response.end(content.subarray(Number(first), end));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
