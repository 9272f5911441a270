import { expect, test } from "vitest";
import type { LoadProgress } from "../util/load-progress.ts";
import { DownloadProgress } from "./download-progress.ts";

const a = { path: "a", size: 100, hash: "" };
const b = { path: "b", size: 50, hash: "" };

test("adds up, never goes back, and tells of ends at once", () => {
  const events: LoadProgress[] = [];
  let now = 0;
  const progress = new DownloadProgress(
    [a, b],
    (event) => events.push(event),
    () => now,
  );
  const reached = (file: typeof a, bytes: number): LoadProgress | undefined => {
    const before = events.length;
    progress.reached(file, bytes);
    return events.length > before ? events.at(-1) : undefined;
  };
  const event = (bytesDone: number, name: string, ofFile: number, bytesTotal: number): LoadProgress => ({
    phase: "download",
    bytesDone,
    bytesTotal: 150,
    file: { name, bytesDone: ofFile, bytesTotal },
  });
  expect(events).toEqual([{ phase: "download", bytesDone: 0, bytesTotal: 150 }]);
  expect(reached(a, 60)).toEqual(event(60, "a", 60, 100));
  expect(reached(a, 70)).toBeUndefined(); // too soon
  expect(reached(b, 50)).toEqual(event(120, "b", 50, 50));
  now = 1000;
  expect(reached(a, 0)).toBeUndefined(); // it begins anew
  expect(reached(a, 65)).toBeUndefined();
  expect(reached(a, 80)).toEqual(event(130, "a", 80, 100));
  expect(reached(a, 100)).toEqual(event(150, "a", 100, 100));
});
