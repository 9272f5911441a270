import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { historyPath, InputHistory } from "./input-history.ts";

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), "fewbit-history-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "state", "fewbit", "chat-history");
}

const noFailure = (message: string): never => expect.unreachable(message);

test("what one chat remembers the next one knows, newest first, newlines and all", () => {
  const path = place();
  const first = new InputHistory(path, noFailure);
  for (const text of ["a", "b\nc", "b\nc", " secret", "", "日本"]) first.add(text);
  expect(first.entries).toEqual(["日本", "b\nc", "a"]);
  expect(new InputHistory(path, noFailure).entries).toEqual(first.entries);
});

test("two chats at once keep each other's lines", () => {
  const path = place();
  const [one, other] = [new InputHistory(path, noFailure), new InputHistory(path, noFailure)];
  one.add("1");
  other.add("2");
  one.add("3");
  expect(new InputHistory(path, noFailure).entries).toEqual(["3", "2", "1"]);
});

test.skipIf(process.platform === "win32")("only the owner reads it, also where others could", () => {
  const path = place();
  new InputHistory(path, noFailure).add("a");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o644);
  new InputHistory(path, noFailure);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("the file stays below a megabyte, the newest are kept", () => {
  const path = place();
  const history = new InputHistory(path, noFailure);
  for (let i = 0; i < 90; i++) history.add(`${i} ${"x".repeat(15_000)}`);
  expect(statSync(path).size).toBeLessThan(2 ** 20);
  const { entries } = new InputHistory(path, noFailure);
  expect(entries[0]).toMatch(/^89 /);
  expect(entries.length).toBeGreaterThan(30);
  history.add("y".repeat(100_000));
  expect(history.entries[0]).toHaveLength(100_000);
  expect(readFileSync(path, "utf8")).not.toContain("yyy");
});

test("a file of something else is passed over, and one that cannot be used is complained of once", () => {
  const path = place();
  new InputHistory(path, noFailure).add("a");
  writeFileSync(path, 'half"\n{"b":1}\n"c"\n\0\n', { flag: "a" });
  expect(new InputHistory(path, noFailure).entries).toEqual(["c", "a"]);
  const failures: string[] = [];
  const broken = new InputHistory(tmpdir(), (message) => failures.push(message));
  broken.add("d");
  expect(broken.entries).toEqual(["d"]);
  expect(failures).toHaveLength(1);
});

test.each([
  [{ FEWBIT_CHAT_HISTORY: "" }, undefined],
  [{ FEWBIT_CHAT_HISTORY: "/x/y" }, "/x/y"],
  [{ XDG_STATE_HOME: "/state" }, "/state/fewbit/chat-history"],
])("%j", (env, expected) => {
  expect(historyPath(env)).toBe(expected);
});

test.each([[{}], [{ XDG_STATE_HOME: "relative" }]])("%j: at home", (env) => {
  expect(historyPath(env)).toMatch(/\.local.state.fewbit.chat-history$/);
});
