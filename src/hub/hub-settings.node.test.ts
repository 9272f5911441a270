import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { RequestError } from "../util/errors.ts";
import { hubCacheFolder, readHubSettings } from "./hub-settings.node.ts";

const home = mkdtempSync(join(tmpdir(), "fewbit-settings-"));
afterAll(() => rmSync(home, { recursive: true }));
const HOME = home;

test.each([
  [{ HF_HUB_CACHE: "/a", HUGGINGFACE_HUB_CACHE: "/b", HF_HOME: "/c", XDG_CACHE_HOME: "/d" }, "/a"],
  [{ HUGGINGFACE_HUB_CACHE: "/b", HF_HOME: "/c", XDG_CACHE_HOME: "/d" }, "/b"],
  [{ HF_HOME: "/c", XDG_CACHE_HOME: "/d" }, "/c/hub"],
  [{ XDG_CACHE_HOME: "/d" }, "/d/huggingface/hub"],
  [{}, `${HOME}/.cache/huggingface/hub`],
  [{ HF_HUB_CACHE: "" }, `${HOME}/.cache/huggingface/hub`],
  [{ HF_HUB_CACHE: "~/models" }, `${HOME}/models`],
  [{ HF_HOME: "$HOME/${NAME}/$NONE", NAME: "x" }, `${HOME}/x/$NONE/hub`],
])("the cache of %j", (env, folder) => {
  expect(hubCacheFolder({ HOME, ...env })).toBe(folder);
});

describe("the token", () => {
  const tokenOf = async (env: Readonly<Record<string, string>>) => (await readHubSettings({ HOME, ...env })).token;
  const file = join(home, "token");

  test("comes from HF_TOKEN, else from the file that `hf auth login` writes", async () => {
    expect(await tokenOf({})).toBeUndefined();
    writeFileSync(file, "hf_stored\n");
    expect(await tokenOf({ HF_HOME: home })).toBe("hf_stored");
    expect(await tokenOf({ HF_TOKEN_PATH: file })).toBe("hf_stored");
    expect(await tokenOf({ HF_HOME: home, HF_TOKEN: " hf_given\n" })).toBe("hf_given");
    expect(await tokenOf({ HF_HOME: home, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeUndefined();
    writeFileSync(file, "\n");
    expect(await tokenOf({ HF_HOME: home })).toBeUndefined();
  });

  test("is not quoted when it is none", async () => {
    const reading = tokenOf({ HF_TOKEN: "hf_sec\nret" });
    await expect(reading).rejects.toThrow(RequestError);
    await expect(reading).rejects.not.toThrow(/sec/);
  });
});

test("switches and times", async () => {
  const settings = { HOME, HF_HUB_OFFLINE: "YES", HF_HUB_ETAG_TIMEOUT: "2", HF_HUB_DOWNLOAD_TIMEOUT: "0.5" };
  expect(await readHubSettings({ ...settings, HF_ENDPOINT: "http://mirror" })).toMatchObject({
    endpoint: "http://mirror",
    isOffline: true,
    metadataTimeoutMs: 2000,
    downloadTimeoutMs: 500,
    usesLinks: true,
  });
  expect(await readHubSettings({ HOME, HF_HUB_OFFLINE: "0" })).toMatchObject({
    isOffline: false,
    metadataTimeoutMs: 10_000,
  });
  await expect(readHubSettings({ HOME, HF_HUB_ETAG_TIMEOUT: "soon" })).rejects.toThrow(/HF_HUB_ETAG_TIMEOUT.*"soon"/);
});
