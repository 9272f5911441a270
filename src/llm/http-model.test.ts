import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expected, tinyModel } from "../../test/support/tiny-model.ts";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import { FormatError, IoError } from "../util/errors.ts";
import { openHttpModel } from "./http-model.ts";
import { loadLLM } from "./load-llm.ts";

const files = new Map<string, Uint8Array>();
/** Paths that are answered with this status and a page. */
const statuses = new Map<string, number>();
let server: Server;
let url: string;

beforeAll(async () => {
  const folder = tinyModel();
  for (const name of await folder.list()) {
    await using source = await folder.open(name);
    files.set(`/model/${name}`, await source.read(0, source.size));
  }
  // As a sharded checkpoint: its index alone tells what the weights' file is called.
  const weights = files.get("/model/model.safetensors") ?? new Uint8Array();
  files.delete("/model/model.safetensors");
  files.set("/model/part.safetensors", weights);
  const headerLength = Number(new DataView(weights.buffer, weights.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + headerLength))) as object;
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  const index = { weight_map: Object.fromEntries(names.map((name) => [name, "part.safetensors"])) };
  files.set("/model/model.safetensors.index.json", new TextEncoder().encode(JSON.stringify(index)));

  server = createServer((request, response) => {
    const content = files.get(request.url ?? "");
    const status = statuses.get(request.url ?? "");
    if (status !== undefined) {
      response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end("<!doctype html>");
      return;
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (content === undefined) response.writeHead(404).end();
    else if (first === undefined) response.writeHead(200).end(content);
    else {
      const end = Math.min(Number(last) + 1, content.length);
      response.writeHead(206, { "content-range": `bytes ${first}-${end - 1}/${content.length}` });
      response.end(content.subarray(Number(first), end));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test("lists the files that are there, and those that the index names", async () => {
  const folder = await openHttpModel(`${url}/model`);
  expect(await folder?.list()).toEqual([...files.keys()].map((path) => path.slice("/model/".length)).sort());
});

test("a model runs from a URL", async () => {
  const host = {
    backends: [createReferenceBackend()],
    locate: async (path: string) => {
      const folder = await openHttpModel(path);
      return folder && { folder };
    },
  };
  await using llm = await loadLLM(host, `${url}/model/`);
  const { ids } = await llm.generate(expected.prompt_ids, { temperature: 0, ignoreEos: true, maxTokens: 3 }).result;
  expect(ids).toEqual(expected.greedy_ids.slice(0, 3));
});

test.each([404, 410, 200])("%i with a page: there is no such file", async (status) => {
  statuses.set("/model/generation_config.json", status);
  const folder = await openHttpModel(`${url}/model`);
  statuses.clear();
  const names = await folder?.list();
  expect(names).toContain("config.json");
  expect(names).not.toContain("generation_config.json");
});

test.each([401, 403, 451])("%i for a file that a model may lack is an error", async (status) => {
  statuses.set("/model/generation_config.json", status);
  const opening = openHttpModel(`${url}/model`);
  await expect(opening).rejects.toThrow(IoError);
  await expect(opening).rejects.toThrow(String(status));
  statuses.clear();
});

test("an index that names a path is refused", async () => {
  const name = "/model/model.safetensors.index.json";
  const index = files.get(name)!;
  files.set(name, new TextEncoder().encode('{"weight_map":{"a":"../part.safetensors"}}'));
  await expect(openHttpModel(`${url}/model`)).rejects.toThrow(FormatError);
  files.set(name, index);
});

test("a URL without a model", async () => {
  expect(await openHttpModel(`${url}/elsewhere`)).toBeUndefined();
});
