import { expect, test } from "vitest";
import type { HubId } from "../hub/hub-id.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { IoError, RequestError } from "../util/errors.ts";
import type { Host } from "./host.ts";
import { locateModel } from "./locate-model.ts";

const onDisk = openMemoryFolder(new Map(), "on disk");
const host: Host = {
  backends: [],
  locate: (path) => Promise.resolve(["here", "org/name"].includes(path) ? { folder: onDisk, file: "f" } : undefined),
};

test("what is on the disk wins, also where it looks like an id", async () => {
  expect(await locateModel(host, "here")).toEqual({ folder: onDisk, file: "f" });
  expect(await locateModel(host, "org/name")).toEqual({ folder: onDisk, file: "f" });
});

test("the default model", async () => {
  expect(await locateModel({ ...host, defaultModel: "here" }, undefined)).toEqual({ folder: onDisk, file: "f" });
  await expect(locateModel(host, undefined)).rejects.toThrow(RequestError);
});

test("ids go to the Hub, if there is one", async () => {
  const asked: HubId[] = [];
  const hub = {
    open: (id: HubId) => {
      asked.push(id);
      return Promise.resolve({ folder: onDisk, commit: "c", path: "/cache" });
    },
  };
  expect(await locateModel({ ...host, hub }, "org/other@main")).toEqual({
    folder: onDisk,
    commit: "c",
    path: "/cache",
  });
  expect(asked).toEqual([{ repository: "org/other", revision: "main" }]);
  await expect(locateModel(host, "org/other")).rejects.toThrow(RequestError);
  await expect(locateModel(host, "org/other")).rejects.toThrow("does not fetch");
});

test("a default on the Hub is said", async () => {
  const hub = { open: () => Promise.resolve({ folder: onDisk, commit: "c", path: "/cache" }) };
  const warnings: string[] = [];
  const onWarning = (message: string): number => warnings.push(message);
  const published = { ...host, hub, defaultModel: "org/default" };
  await locateModel(published, "org/default", { onWarning });
  expect(warnings).toEqual([]);
  await locateModel(published, undefined, { onWarning });
  expect(warnings).toEqual([expect.stringContaining("taking org/default from the Hub")]);
});

test.each(["./nowhere", "/no/where", "nowhere"])("%s is nowhere", async (name) => {
  await expect(locateModel(host, name)).rejects.toThrow(IoError);
});
