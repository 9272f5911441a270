import { describe, expect, test } from "vitest";
import { FormatError } from "../util/errors.ts";
import type { JsonValue } from "../util/json.ts";
import { checkStoredPath, maxFileCount, parseRevisionInfo, parseTreePage } from "./repository-file.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const sha256 = "ab".repeat(32);

describe("a revision", () => {
  test("is a commit and its files", () => {
    const info = { sha: commit, siblings: [{ rfilename: "config.json" }], private: false };
    expect(parseRevisionInfo(info, "info")).toEqual({ commit, paths: ["config.json"] });
  });

  test.each<[string, JsonValue]>([
    ["no object", []],
    ["no commit", { sha: "main", siblings: [] }],
    ["a commit that is a path", { sha: "../../../../../../../../../../../etc/pass", siblings: [] }],
    ["no files", { sha: commit }],
    ["a file without a name", { sha: commit, siblings: [{}] }],
    ["something else than a file", { sha: commit, siblings: ["config.json"] }],
    ["an empty name", { sha: commit, siblings: [{ rfilename: "" }] }],
    ["an endless name", { sha: commit, siblings: [{ rfilename: "x".repeat(1025) }] }],
    ["too many", { sha: commit, siblings: new Array<null>(maxFileCount + 1).fill(null) }],
  ])("%s is refused", (_, json) => {
    expect(() => parseRevisionInfo(json, "info")).toThrow(FormatError);
  });
});

describe("a page of the tree", () => {
  test("lists files with the hash of their content, in LFS or not", () => {
    const page = [
      { type: "directory", path: "original", oid: commit, size: 0 },
      { type: "file", path: "config.json", oid: commit, size: 12 },
      { type: "file", path: "a/b.gguf", oid: commit, size: 7, lfs: { oid: sha256, size: 7, pointerSize: 128 } },
    ];
    expect(parseTreePage(page, "tree")).toEqual([
      { path: "config.json", size: 12, hash: commit },
      { path: "a/b.gguf", size: 7, hash: sha256 },
    ]);
  });

  const file = { type: "file", path: "x", oid: commit, size: 1 };
  test.each<[string, JsonValue]>([
    ["no list", {}],
    ["no object", [null]],
    ["no path", [{ ...file, path: 1 }]],
    ["a hash that is a path", [{ ...file, oid: "../../etc/passwd" }]],
    ["a hash of the wrong length", [{ ...file, lfs: { oid: commit, size: 1 } }]],
    ["no size", [{ ...file, size: undefined as unknown as null }]],
    ["a negative size", [{ ...file, size: -1 }]],
    ["a size that is no integer", [{ ...file, size: 1e300 }]],
    ["a size in words", [{ ...file, lfs: { oid: sha256, size: "1" } }]],
  ])("%s is refused", (_, json) => {
    expect(() => parseTreePage(json, "tree")).toThrow(FormatError);
  });
});

describe("paths that are stored", () => {
  test.each([
    "config.json",
    "Q4_K_M/model-00001-of-00002.gguf",
    "a b.json",
    ".gitattributes",
    "console.json",
    "é.json",
  ])("%s", (path) => {
    checkStoredPath(path, "repository");
  });

  test.each([
    ...["/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", "", ".."],
    ...["a\\..\\b", "C:\\x", "C:x", "x:stream", "a\0b", "a\nb", "\u009b2J", "\u202ex", "x.", "x ", "*"],
    ...["NUL", "aux.json", "Com1.txt", "a/lpt9", "x".repeat(256), "é".repeat(128)],
  ])("%j is refused", (path) => {
    expect(() => checkStoredPath(path, "repository")).toThrow(FormatError);
  });
});
