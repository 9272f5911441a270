import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { ipcPort } from "./ipc-port.node.ts";

class FakeProcess extends EventEmitter {
  readonly sent: unknown[] = [];
  send(messages: unknown): boolean {
    this.sent.push(messages);
    return true;
  }
}

test("what is posted in one turn of the loop, promises included, crosses at once and in order", async () => {
  const end = new FakeProcess();
  const port = ipcPort<never, number>(end);
  port.post(1);
  port.post(2);
  await Promise.resolve().then(() => port.post(3));
  await new Promise(setImmediate);
  port.post(4);
  await new Promise(setImmediate);
  expect(end.sent).toEqual([[1, 2, 3], [4]]);
});

test("arrays come apart on arrival", () => {
  const end = new FakeProcess();
  const seen: number[] = [];
  ipcPort<number, never>(end).onMessage((message) => void seen.push(message));
  end.emit("message", [1, 2]);
  end.emit("message", [3]);
  expect(seen).toEqual([1, 2, 3]);
});
