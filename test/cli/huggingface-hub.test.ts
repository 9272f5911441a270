import { execFile, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HubServer } from "../support/hub-server.ts";
import { fewbit, fewbitJson, golden, isBuilt, scratchFolder } from "./fewbit.ts";

/** Any Python that has huggingface_hub: it must take our cache for its own, and we its. */
const python = process.env.FEWBIT_TEST_PYTHON ?? "python3";
const found = spawnSync(python, ["-c", "import huggingface_hub; print(huggingface_hub.__version__)"], {
  encoding: "utf8",
});
const isThere = found.status === 0;
if (!isThere) console.log(`skipped: ${python} has no module huggingface_hub; FEWBIT_TEST_PYTHON names one that has`);

const { path: folder } = golden("arch/llama3");
const files = Object.fromEntries(
  readdirSync(folder)
    .filter((name) => !name.startsWith("expected"))
    .map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
);
const needed = Object.keys(files).filter((name) => name !== "logits.safetensors");

let server: HubServer;
let commit: string;
let env: Record<string, string>;

beforeEach(async () => {
  server = await HubServer.start();
  commit = server.commit("org/name", files);
  const cache = scratchFolder();
  env = {
    HF_ENDPOINT: server.endpoint,
    HF_HOME: cache,
    HF_HUB_CACHE: join(cache, "hub"),
    HF_TOKEN: "",
    HF_HUB_OFFLINE: "",
  };
});

afterEach(() => server[Symbol.asyncDispose]());

async function inPython<Value>(code: string): Promise<Value> {
  const script = `import json\nfrom huggingface_hub import *\n${code}`;
  const { stdout } = await promisify(execFile)(python, ["-W", "ignore", "-c", script], {
    env: { ...process.env, ...env, HF_HUB_DISABLE_PROGRESS_BARS: "1", HF_HUB_DISABLE_TELEMETRY: "1" },
  });
  return JSON.parse(stdout) as Value;
}

const scan = `
info = scan_cache_dir()
print(json.dumps([info.size_on_disk, [str(w) for w in info.warnings], [
  [repo.repo_id, repo.repo_type, repo.size_on_disk, [
    [r.commit_hash, sorted(r.refs), sorted(f.file_name for f in r.files)] for r in repo.revisions
  ]] for repo in info.repos]]))`;

describe.skipIf(!isBuilt || !isThere)(`huggingface_hub ${found.stdout?.trim()}`, () => {
  test("takes what we fetched for its own", async () => {
    const { path } = await fewbitJson<{ readonly path: string }>(["pull", "org/name"], { env });
    const size = needed.reduce((sum, name) => sum + files[name].byteLength, 0);
    const revision = [commit, ["main"], needed.toSorted()];
    expect(await inPython(scan)).toEqual([size, [], [["org/name", "model", size, [revision]]]]);
    server.forget();
    const opened = await inPython(`print(json.dumps([
      snapshot_download("org/name", local_files_only=True),
      try_to_load_from_cache("org/name", "config.json"),
      hf_hub_download("org/name", "config.json", revision="${commit}"),
    ]))`);
    expect(opened).toEqual([path, join(path, "config.json"), join(path, "config.json")]);
    expect(server.requests.filter((line) => line.includes("org/name"))).toEqual([]);
    const freed = await inPython(`
strategy = scan_cache_dir().delete_revisions("${commit}")
strategy.execute()
print(json.dumps([strategy.expected_freed_size, len(scan_cache_dir().repos)]))`);
    expect(freed).toEqual([size, 0]);
    expect(await fewbitJson(["list"], { env })).toEqual([]);
  });

  test("has fetched what we take for ours", async () => {
    const path = await inPython(`print(json.dumps(snapshot_download("org/name")))`);
    server.forget();
    expect(await fewbitJson(["pull", "org/name", "--offline"], { env })).toEqual({ model: "org/name", commit, path });
    expect(server.requests).toEqual([]);
    expect(await fewbitJson(["pull", "org/name"], { env })).toEqual({ model: "org/name", commit, path });
    expect(server.requests).toEqual(["GET /api/models/org/name/revision/main"]);
    const bytes = Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0);
    const [listed] = await fewbitJson<readonly unknown[]>(["list"], { env });
    expect(listed).toMatchObject({ model: "org/name", commit, revisions: ["main"], bytes, format: "dense", path });
    expect((await fewbit(["rm", "org/name", "--yes"], { env })).code).toBe(0);
    expect(await inPython(scan)).toEqual([0, [], []]);
  });

  test("has fetched a part, which we complete", async () => {
    await inPython(`print(json.dumps(hf_hub_download("org/name", "config.json")))`);
    const offline = await fewbit(["pull", "org/name", "--offline"], { env });
    expect(offline).toMatchObject({ code: 1, stderr: expect.stringContaining("is not in the cache") as string });
    server.forget();
    expect((await fewbit(["pull", "org/name"], { env })).code).toBe(0);
    expect([...server.bytesSent.keys()].sort()).toEqual(needed.filter((name) => name !== "config.json").sort());
    const [, warnings, [[, , , [[, , names]]]]] =
      await inPython<[number, string[], [[string, string, number, [[string, string[], string[]]]]]]>(scan);
    expect([warnings, names]).toEqual([[], needed.toSorted()]);
  });
});
