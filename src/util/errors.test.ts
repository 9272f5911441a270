import { expect, test } from "vitest";
import { throwIfAborted } from "./abort.ts";
import {
  AbortedError,
  FewbitError,
  FormatError,
  IoError,
  OutOfMemoryError,
  RequestError,
  UnsupportedError,
} from "./errors.ts";

const classes = [FormatError, UnsupportedError, OutOfMemoryError, RequestError, AbortedError, IoError];

test("every class has a code and a name of its own, in its stack too", () => {
  const errors = classes.map((type) => new type("what happened"));
  expect(new Set(errors.map(({ code }) => code)).size).toBe(classes.length);
  for (const [i, error] of errors.entries()) {
    expect(error).toBeInstanceOf(FewbitError);
    expect(error.name).toBe(classes[i].name);
    expect(error.stack).toContain(`${error.name}: what happened`);
  }
});

test("the cause is kept", () => {
  const cause = new Error("deeper");
  expect(new IoError("x", { cause }).cause).toBe(cause);
});

test("an aborted signal becomes an AbortedError with the signal's reason", () => {
  expect(() => throwIfAborted(undefined, "x")).not.toThrow();
  expect(() => throwIfAborted(new AbortController().signal, "x")).not.toThrow();
  const reason = new Error("user left");
  expect(() => throwIfAborted(AbortSignal.abort(reason), "loading")).toThrow(
    expect.objectContaining({ code: "aborted", message: "loading: aborted", cause: reason }),
  );
});
