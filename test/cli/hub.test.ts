import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { HubServer } from "../support/hub-server.ts";
import {
  exact,
  expectFailure,
  fewbit,
  fewbitJson,
  golden,
  isBuilt,
  launcher,
  scratchFolder,
  type FewbitOptions,
  type Outcome,
} from "./fewbit.ts";

const llama = golden("arch/llama3");
const tiny = Object.fromEntries(
  readdirSync(llama.path)
    .filter((name) => /^(config\.json|.*\.safetensors)$/.test(name))
    .map((name) => [name, new Uint8Array(readFileSync(join(llama.path, name)))]),
);
const large = new Uint8Array(24 * 2 ** 20).fill(7);
const largeHash = createHash("sha256").update(large).digest("hex");

let server: HubServer;
let env: Record<string, string>;

beforeEach(async () => {
  server = await HubServer.start();
  env = {
    HF_ENDPOINT: server.endpoint,
    HF_HUB_CACHE: scratchFolder(),
    HF_TOKEN: "",
    HF_HOME: "/nowhere",
    HF_HUB_OFFLINE: "",
  };
});

afterEach(() => server[Symbol.asyncDispose]());

const inCache = (args: readonly string[], options: FewbitOptions = {}): Promise<Outcome> =>
  fewbit(args, { ...options, env: { ...env, ...options.env } });
const repository = (): string => join(env.HF_HUB_CACHE, "models--org--name");
const blobs = (): readonly string[] => readdirSync(join(repository(), "blobs"));

describe.skipIf(!isBuilt)("from the Hub to an answer", () => {
  test("`run org/name` is enough, and without the Hub the next time", async () => {
    server.commit("org/name", tiny);
    const args = ["run", "org/name", "--ids", llama.promptIds.join(","), "--max-tokens", "4", "--temperature", "0"];
    const flags = ["--ignore-eos", "--backend", "reference", ...exact];
    const expected = llama.greedyIds.slice(0, 4);
    expect(await fewbitJson([...args, ...flags], { env })).toMatchObject({ ids: expected });
    server.forget();
    expect(await fewbitJson([...args, ...flags, "--offline"], { env })).toMatchObject({ ids: expected });
    expect(await fewbitJson([...args, ...flags], { env: { ...env, HF_HUB_OFFLINE: "1" } })).toMatchObject({
      ids: expected,
    });
    expect(server.requests).toEqual([]);
  });

  test("pull, list, rm", async () => {
    const first = server.commit("org/name", { ...tiny, "model-Q4_0.gguf": "4", "README.md": "no" });
    const pulled = await inCache(["pull", "org/name"]);
    const path = join(repository(), "snapshots", first);
    expect({ ...pulled, stderr: "" }).toEqual({ code: 0, stdout: `${path}\n`, stderr: "" });
    expect(pulled.stderr).toMatch(/^config\.json {2}[\d.]+ kB$/m);
    for (const absent of ["\u001b", "README", "gguf"]) expect(pulled.stderr).not.toContain(absent);
    expect((await inCache(["pull", "org/name", "--quiet"])).stderr).toBe("");
    const json = await fewbitJson(["pull", "org/name:q4_0"], { env });
    expect(json).toEqual({ model: "org/name", commit: first, path: join(path, "model-Q4_0.gguf") });
    const second = server.commit("org/name", {
      ...tiny,
      "config.json": '{"quantization_config": {"quant_method": "gptq"}}',
    });
    expect((await inCache(["pull", "org/name", "--revision", "main"])).code).toBe(0);

    const listed = await fewbitJson<readonly Record<string, unknown>[]>(["list"], { env });
    expect(listed).toHaveLength(2);
    const [before, now] = [first, second].map((commit) => listed.find((entry) => entry.commit === commit));
    expect(before).toMatchObject({ model: "org/name", revisions: [], format: "gguf" });
    expect(now).toMatchObject({ revisions: ["main"], format: "gptq", path: join(repository(), "snapshots", second) });
    expect(new Date(String(now?.lastUsed)).getTime()).toBeGreaterThan(Date.now() - 3_600_000);
    expect((await inCache(["list"])).stdout).toMatch(/^MODEL .*\norg\/name +-? .*\norg\/name /);

    expectFailure(await inCache(["rm", "org/name"]), 2, /--yes answers/);
    expect(existsSync(path)).toBe(true);
    const variant = await fewbitJson(["rm", `org/name@${first}:Q4_0`, "--yes"], { env });
    expect(variant).toEqual({ model: `org/name@${first}:Q4_0`, commits: [], bytesFreed: 1 });
    expect(await fewbitJson(["rm", `org/name@${first}`, "--yes"], { env })).toEqual({
      model: `org/name@${first}`,
      commits: [first],
      bytesFreed: tiny["config.json"].byteLength, // the weights are the second's as well
    });
    expect(readdirSync(join(repository(), "snapshots"))).toEqual([second]);
    expect((await inCache(["pull", "org/name", "--offline"])).code).toBe(0);
    expect((await inCache(["rm", "org/name", "-y"])).stderr).toMatch(/^removed org\/name \(/);
    expect(existsSync(repository())).toBe(false);
    expect(await fewbitJson(["list"], { env })).toEqual([]);
    expectFailure(await inCache(["rm", "org/name", "--yes"]), 1, /org\/name is not in the cache/);
  });

  test.each([
    ["a path", ["pull", "./org/name"], 2, /is no id on the Hub/],
    ["no name", ["pull"], 2, /missing required argument/],
    ["a revision of a folder", ["inspect", llama.path, "--revision", "main"], 2, /--revision needs a model of the Hub/],
    ["two revisions", ["pull", "org/name@main", "--revision", "v1"], 2, /names a revision already/],
    ["a revision that is none", ["pull", "org/name", "--revision", "../x"], 2, /no name of a branch/],
    ["nothing to remove", ["rm", "org/../name", "--yes"], 2, /is no id on the Hub/],
    ["a repository that there is not", ["pull", "org/none"], 1, /org\/none@main: .*no such repository/],
    ["a token that is none", ["pull", "org/name", "--hf-token", "a b"], 1, /holds no access token/],
  ])("%s", async (_, args, code, message) => {
    expectFailure(await inCache(args), code, message);
  });
});

describe.skipIf(!isBuilt)("large files", () => {
  const part = (): string => join(repository(), "blobs", `${largeHash}.fewbit.incomplete`);
  /** `holdAt`: the first answer stands still there. */
  const slowly = ({ holdAt = Infinity } = {}): void => {
    server.onFile = (call) => {
      if (call.path !== "model.safetensors") return false;
      const { response, content, offset } = call;
      response.writeHead(offset > 0 ? 206 : 200, {
        "content-length": content.byteLength - offset,
        ...(offset > 0 && { "content-range": `bytes ${offset}-${content.byteLength - 1}/${content.byteLength}` }),
      });
      let at = offset;
      const timer = setInterval(() => {
        if (call.count === 0 && at >= holdAt) return;
        if (at >= content.byteLength || response.destroyed) return (clearInterval(timer), void response.end());
        response.write(content.subarray(at, (at += 2 ** 20)));
        server.bytesSent.set(call.path, (server.bytesSent.get(call.path) ?? 0) + 2 ** 20);
      }, 30);
      return true;
    };
  };

  test("two processes fetch it once", async () => {
    server.commit("org/name", { "config.json": "{}", "model.safetensors": large });
    slowly();
    const both = await Promise.all([inCache(["pull", "org/name"]), inCache(["pull", "org/name"])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both[0].stdout).toBe(both[1].stdout);
    expect(server.bytesSent.get("model.safetensors")).toBe(large.byteLength);
    expect(blobs()).toHaveLength(2);
    expect(readFileSync(join(repository(), "blobs", largeHash)).equals(large)).toBe(true);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGKILL", null],
  ] as const)("%s leaves what the next pull continues", async (signal, code) => {
    server.commit("org/name", { "config.json": "{}", "model.safetensors": large });
    slowly();
    const killed = await inCache(["pull", "org/name"], {
      during: (child) => {
        const timer = setInterval(() => {
          if (!existsSync(part()) || lstatSync(part()).size < 4 * 2 ** 20) return;
          clearInterval(timer);
          child.kill(signal);
        }, 20);
        onTestFinished(() => clearInterval(timer));
      },
    });
    expect(killed.code).toBe(code);
    expect(killed.stderr).not.toMatch(/\n\s+at /);
    const there = lstatSync(part()).size;
    expect((await inCache(["list"])).stderr).toMatch(/^org\/name is unfinished \([\d.]+ MB\): pull goes on/m);
    server.forget();
    server.onFile = () => false;
    expect((await inCache(["pull", "org/name"])).code).toBe(0);
    expect(server.bytesSent.get("model.safetensors")).toBe(large.byteLength - there);
    expect(readFileSync(join(repository(), "blobs", largeHash)).equals(large)).toBe(true);
    expect(blobs()).toHaveLength(2);
  });

  test("one that waits goes on where the other was killed", async () => {
    server.commit("org/name", { "config.json": "{}", "model.safetensors": large });
    slowly({ holdAt: 8 * 2 ** 20 });
    let second: Promise<Outcome> | undefined;
    const first = await inCache(["pull", "org/name"], {
      during: (child) => {
        const timer = setInterval(() => {
          if (!existsSync(part()) || lstatSync(part()).size < 4 * 2 ** 20) return;
          second ??= inCache(["pull", "org/name"], {
            during: (waiting) =>
              waiting.stderr?.on("data", (text) => String(text).includes("waiting for it") && child.kill("SIGKILL")),
          });
        }, 20);
        onTestFinished(() => clearInterval(timer));
        child.once("exit", () => clearInterval(timer));
      },
    });
    expect(first.code).toBe(null);
    expect(await second).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("another process is fetching") as string,
    });
    expect(readFileSync(join(repository(), "blobs", largeHash)).equals(large)).toBe(true);
    // What was on its way to the first is sent again, and no more.
    expect(server.bytesSent.get("model.safetensors")).toBeLessThan(large.byteLength + 4 * 2 ** 20);
  });

  test.skipIf(process.platform === "win32")(
    "a system that takes no more of the file says so, and the part stays",
    async () => {
      server.commit("org/name", { "config.json": "{}", "model.safetensors": large });
      const script = `trap '' XFSZ; ulimit -f 8192; exec "$0" "$@"`;
      const limited = promisify(execFile)(
        "sh",
        ["-c", script, process.execPath, launcher, "pull", "org/name", "--quiet"],
        {
          env: { ...process.env, ...env },
        },
      );
      await expect(limited).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /^fewbit: .*: cannot be written: the file is larger than the system allows\n$/,
        ) as string,
      });
      expect(lstatSync(part()).size).toBeGreaterThan(2 ** 20);
    },
  );

  test("a disk that fills up meanwhile", async ({ skip }) => {
    const disk = scratchFolder();
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "fewbit-test", disk], { stdio: "ignore" });
    } catch {
      console.log("skipped: a full disk needs a tmpfs of its own, which only root may mount");
      return skip();
    }
    onTestFinished(() => void execFileSync("umount", ["-l", disk]));
    env.HF_HUB_CACHE = join(disk, "hub");
    mkdirSync(env.HF_HUB_CACHE);
    server.commit("org/name", { "config.json": "{}", "model.safetensors": large });
    const filler = join(disk, "filler");
    server.onFile = (call) => {
      if (call.path === "model.safetensors") writeFileSync(filler, new Uint8Array(30 * 2 ** 20));
      return false;
    };
    expectFailure(await inCache(["pull", "org/name", "--quiet"]), 1, /the disk is full; make room and run it again/);
    const there = lstatSync(part()).size;
    expect(there).toBeGreaterThan(2 ** 20);
    expectFailure(await inCache(["pull", "org/name", "--quiet"]), 1, /needs 0\.0\d GB more, and the disk of .* left/);
    rmSync(filler);
    server.onFile = () => false;
    server.forget();
    expect((await inCache(["pull", "org/name"])).code).toBe(0);
    expect(server.bytesSent.get("model.safetensors")).toBe(large.byteLength - there);
  });
});
