import { expect, test } from "vitest";
import { Preparations } from "./preparations.ts";

/** Takes `pieces` turns, and tells of them. */
function work(name: string, pieces: number, said: string[]) {
  let left = pieces;
  return {
    advance: () => {
      said.push(name);
      return --left <= 0;
    },
    done: () => said.push(`${name} done`),
    fail: (error: unknown) => said.push(`${name}: ${String(error)}`),
  };
}

test("each has its turn, however long another takes", () => {
  const said: string[] = [];
  const preparations = new Preparations();
  for (const [name, pieces] of [["a", 3], ["b", 1], ["c", 2]] as const) preparations.add(work(name, pieces, said)); // prettier-ignore
  preparations.advance(0);
  expect(said).toEqual(["a", "b", "b done", "c"]);
  preparations.advance(1000);
  expect(said.slice(4)).toEqual(["a", "c", "c done", "a", "a done"]);
  expect(preparations.size).toBe(0);
});

test("what fails does so alone", () => {
  const said: string[] = [];
  const preparations = new Preparations();
  preparations.add({ ...work("a", 1, said), advance: () => { throw new Error("lost"); } }); // prettier-ignore
  preparations.add(work("b", 1, said));
  preparations.advance(0);
  expect(said).toEqual(["a: Error: lost", "b", "b done"]);
  expect(preparations.size).toBe(0);
});
