import { expect, test } from "vitest";
import { BodyReader, type BodyLimits } from "./body-reader.ts";

const reader = (limits: Partial<BodyLimits> = {}): BodyReader => new BodyReader({ maxBytes: 100, ...limits });

/** A request whose body comes as the test says. */
function arriving() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (each) => void (controller = each) });
  const request = new Request("http://test", { method: "POST", body, duplex: "half" });
  return { request, send: (count: number) => controller.enqueue(new Uint8Array(count)), end: () => controller.close() };
}

test("a body in pieces", async () => {
  const { request, send, end } = arriving();
  const bytes = reader().read(request);
  [1, 0, 99].forEach(send);
  end();
  expect(await bytes).toHaveLength(100);
});

test("more than one body may have, announced or not", async () => {
  const { request, send } = arriving();
  const bytes = reader().read(request);
  send(60);
  send(60);
  await expect(bytes).rejects.toMatchObject({ status: 413 });
  const announced = new Request("http://test", { method: "POST", body: "a", headers: { "content-length": "101" } });
  await expect(reader().read(announced)).rejects.toMatchObject({ status: 413 });
});

test("a body that does not come", async () => {
  const { request } = arriving();
  await expect(reader({ timeoutMs: 20 }).read(request)).rejects.toMatchObject({ status: 408 });
});

test("where there are too many, the oldest gives way, and the others come", async () => {
  const bodies = reader({ mostAtOnce: 2 });
  const [first, second, third] = [arriving(), arriving(), arriving()];
  const given = [first, second, third].map(({ request }) => bodies.read(request));
  await expect(given[0]).rejects.toMatchObject({ status: 408 });
  for (const each of [second, third]) each.end();
  expect(await Promise.all(given.slice(1))).toEqual([new Uint8Array(0), new Uint8Array(0)]);
});

test("where they are too large together, the oldest gives way, and its bytes are free again", async () => {
  const bodies = reader({ mostBytes: 150 });
  const [first, second] = [arriving(), arriving()];
  const given = [first, second].map(({ request }) => bodies.read(request));
  given[0].catch(() => undefined);
  first.send(80);
  second.send(80);
  await expect(given[0]).rejects.toMatchObject({ status: 408 });
  second.send(20);
  second.end();
  expect(await given[1]).toHaveLength(100);
  const third = arriving();
  const whole = bodies.read(third.request);
  third.send(100);
  third.end();
  expect(await whole).toHaveLength(100);
});
