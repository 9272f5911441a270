import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { askStream, askWhole, bodyOf, post, type Question } from "../server/ask.ts";
import { seededRandom } from "../support/seeded-random.ts";

export interface DriveOptions {
  readonly url: string;
  readonly streams: number;
  readonly seconds: number;
  readonly seed: number;
  /** Questions with what they are answered with by themselves. */
  readonly questions: readonly (Question & { readonly answer: string })[];
}

/** How many clients of each kind have come and gone, and what went wrong. */
export interface DriveReport {
  whole: number;
  streamed: number;
  left: number;
  refused: number;
  slowBytes: number;
  readonly wrong: string[];
}

/** What clients send by mistake or ill will: each must get a status of 400 to 499, and do no harm. */
const badBodies: readonly string[] = [
  "{",
  "[]",
  '"text"',
  "null",
  '{"prompt":3}',
  '{"prompt":"a","max_tokens":-1}',
  '{"prompt":"a","temperature":"hot"}',
  '{"prompt":"a","temperature":-1}',
  '{"prompt":"a","model":"another"}',
  '{"prompt":[999999999]}',
  '{"prompt":""}',
  `{"prompt":${"[".repeat(5000)}${"]".repeat(5000)}}`,
  JSON.stringify({ prompt: "word ".repeat(20_000) }),
  JSON.stringify({ prompt: "a", logit_bias: { x: 1 } }),
  JSON.stringify({ prompt: "a", n: 1e9 }),
];

/**
 * Keeps `streams` clients busy for some seconds: most read an answer, as it streams or at once, and compare it with what it should be;
 * some leave in the middle, some send what makes no sense, and one reads its answer at a byte a second. Ends when all have.
 */
export async function driveServer({ url, streams, seconds, seed, questions }: DriveOptions): Promise<DriveReport> {
  const report: DriveReport = { whole: 0, streamed: 0, left: 0, refused: 0, slowBytes: 0, wrong: [] };
  const end = performance.now() + 1000 * seconds;
  const client = async (number: number): Promise<void> => {
    const random = seededRandom(1000 * seed + number);
    while (performance.now() < end && report.wrong.length < 10) {
      const question = questions[random(questions.length)];
      const kind = random(20);
      try {
        if (kind < 3) await refused(url, badBodies[random(badBodies.length)], report);
        else if (kind < 8) await left(url, question, random, report);
        else if (kind < 11) compare(question, await askWhole(url, question), report, "whole");
        else compare(question, await askStream(url, question), report, "streamed");
      } catch (error) {
        report.wrong.push(String(error));
      }
    }
  };
  const slow = readSlowly(url, questions[0], end, report);
  await Promise.all([slow, ...Array.from({ length: streams }, (_, number) => client(number))]);
  return report;
}

function compare(
  { prompt, answer }: DriveOptions["questions"][number],
  found: string,
  report: DriveReport,
  kind: "whole" | "streamed",
): void {
  report[kind]++;
  if (found !== answer)
    report.wrong.push(`${JSON.stringify(prompt)}: ${JSON.stringify(found)} in place of ${JSON.stringify(answer)}`);
}

async function refused(url: string, body: string, report: DriveReport): Promise<void> {
  const { status } = await post(url, body).then(async (response) => (await response.text(), response));
  report.refused++;
  if (status < 400 || status >= 500) report.wrong.push(`status ${status} for ${body.slice(0, 80)}`);
}

/** Leaves before anything has come, or somewhere in the middle, and checks what it has seen. */
async function left(
  url: string,
  question: DriveOptions["questions"][number],
  random: (limit: number) => number,
  report: DriveReport,
): Promise<void> {
  const patience = random(6);
  if (patience === 0) {
    const abort = new AbortController();
    const asking = post(url, bodyOf(question, { stream: random(2) === 0 }), abort.signal).then((response) =>
      response.text(),
    );
    await delay(random(200));
    abort.abort();
    await asking.catch(() => undefined);
  } else {
    let pieces = 0;
    const seen = await askStream(url, question, () => ++pieces < 2 * patience);
    if (!question.answer.startsWith(seen)) report.wrong.push(`left with ${JSON.stringify(seen)}`);
  }
  report.left++;
}

/** Reads what the server sends at a byte a second until the time is over, then hangs up. */
async function readSlowly(url: string, question: Question, end: number, report: DriveReport): Promise<void> {
  const { hostname, port } = new URL(url);
  const body = bodyOf(question, { stream: true });
  const head = [`POST /v1/completions HTTP/1.1`, `host: ${hostname}`, "content-type: application/json"];
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined); // the server may hang up first
  socket.write(`${[...head, `content-length: ${Buffer.byteLength(body)}`].join("\r\n")}\r\n\r\n${body}`);
  socket.pause();
  while (performance.now() < end && !socket.destroyed) {
    if (socket.read(1) !== null) report.slowBytes++;
    await delay(1000);
  }
  socket.destroy();
}
