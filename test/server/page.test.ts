import { spawn } from "node:child_process";
import { once } from "node:events";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasNative, isBuilt, launcher } from "../cli/fewbit.ts";
import { browserPath } from "../support/browser-path.ts";
import { startServe } from "./serve-process.ts";

/** The chat page of `fewbit serve` with the embedded model, in a real browser. */
describe.skipIf(!isBuilt || !hasNative || browserPath === undefined)("the chat page", () => {
  const server = spawn(process.execPath, [launcher, "serve", "--port", "0", "--json", "--api-key", "sesame"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let url: string;
  let browser: Browser;

  beforeAll(async () => {
    const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    ({ url } = JSON.parse(line) as { readonly url: string });
    browser = await chromium.launch({ executablePath: browserPath!, args: ["--no-sandbox"] });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    server.kill("SIGTERM");
    if (server.exitCode === null) await once(server, "exit");
  });

  /** A page of a browser that has never been here, with these things in its storage; complaints fail the test. */
  async function openPage(stored: Readonly<Record<string, unknown>> = {}, key = "sesame"): Promise<Page> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const items = Object.entries(stored).map(([name, value]) => [name, JSON.stringify(value)] as const);
    const script = `for (const [k, v] of ${JSON.stringify(items)}) localStorage.setItem(k, v);`;
    const session = key === "" ? "" : `sessionStorage.setItem("fewbit.key", ${JSON.stringify(JSON.stringify(key))});`;
    await context.addInitScript(script + session);
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(url);
    return page;
  }
  const complaints: string[] = [];

  const greedy = { "fewbit.settings": { system: "", temperature: 0 } };
  const answers = ".message.assistant .markdown";

  test("a message is answered, word by word, and the conversation is still there later", async () => {
    const page = await openPage(greedy);
    await expect.poll(() => page.locator("#model").textContent()).toContain("smollm2");
    await page.getByLabel("Message", { exact: true }).fill("What is the capital of France?");
    await page.keyboard.press("Enter");
    await page.getByText("The capital of France is Paris.").waitFor();
    await page.locator(".facts").getByText("8 tokens").waitFor();
    await page.reload();
    await page.getByRole("navigation").getByRole("button", { name: "What is the capital of France?" }).first().click();
    expect(await page.locator(answers).textContent()).toBe("The capital of France is Paris.");
    expect(complaints).toEqual([]);
  });

  test("an answer grows, is stopped with Escape, and what there is of it stays", async () => {
    const page = await openPage(greedy);
    await page.getByLabel("Message", { exact: true }).fill("Tell me a very long story about the sea.");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator(answers).waitFor();
    const lengthNow = async (): Promise<number> => (await page.locator(answers).textContent())!.length;
    const first = await lengthNow();
    await expect.poll(lengthNow).toBeGreaterThan(first);
    await page.keyboard.press("Escape");
    await page.locator(".facts").getByText("stopped").waitFor();
    const atEnd = await lengthNow();
    await page.waitForTimeout(300);
    expect(await lengthNow()).toBe(atEnd);
    expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true); // there is nothing to send
  });

  test("a question is edited, and answered anew", async () => {
    const page = await openPage(greedy);
    await page.getByLabel("Message", { exact: true }).fill("What is the capital of Spain?");
    await page.keyboard.press("Enter");
    await page.locator(".facts").waitFor();
    await page.getByLabel("Message", { exact: true }).press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit message" }).fill("What is the capital of France?");
    await page.keyboard.press("Enter");
    await page.getByText("The capital of France is Paris.").waitFor();
    expect(await page.locator(".message").count()).toBe(2);
    await page.locator(".facts").waitFor();
    await page.getByRole("button", { name: "Answer again" }).click();
    await page.locator(".facts").waitFor();
    expect(await page.locator(answers).textContent()).toBe("The capital of France is Paris.");
  });

  test("nothing that a model says is run, loaded or followed", async () => {
    const hostile = [
      "<script>globalThis.pwned = 1</script>",
      '<img src=x onerror="globalThis.pwned = 1">',
      "[a](javascript:globalThis.pwned=1) [b](data:text/html,x) [c](https://example.org/c) [d](vbscript:x) [e](/v1/models)",
      "![picture](https://example.org/picture.png)",
      "<svg onload=globalThis.pwned=1></svg> <a href=javascript:globalThis.pwned=1>f</a>",
      "```html\n</code></pre><script>globalThis.pwned = 1</script>\n```",
      `${"> ".repeat(5000)}deep`,
    ].join("\n\n");
    const messages = [
      { role: "user", content: hostile },
      { role: "assistant", content: hostile, answer: { end: "stop", model: "m" } },
    ];
    const page = await openPage({ "fewbit.conversations": [{ id: "h", changed: 1, messages }] });
    const asked: string[] = [];
    // The page's own icon is fetched when the browser likes.
    page.on("request", (request) => request.url() === `${url}/page/icon.svg` || asked.push(request.url()));
    await page.getByRole("navigation").getByRole("button").first().click();
    await page.locator(".message.assistant").waitFor();
    for (const name of ["a", "b", "d", "e", "f"])
      expect(await page.getByRole("link", { name, exact: true }).count()).toBe(0);
    expect(await page.evaluate("globalThis.pwned")).toBeUndefined();
    expect(await page.locator("#transcript script, #transcript img").count()).toBe(0);
    expect(asked).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("Markdown is drawn", async () => {
    const content =
      "# Title\n\n1. **one**\n2. `two`\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n- [x] done\n\n```js\nlet x = 1 < 2;\n```\n[c](https://example.org/c)";
    const messages = [{ role: "assistant", content, answer: { end: "stop", model: "m" } }];
    const page = await openPage({ "fewbit.conversations": [{ id: "m", changed: 1, messages }] });
    await page.getByRole("navigation").getByRole("button").first().click();
    const body = page.locator(answers);
    expect(await body.locator("h3").textContent()).toBe("Title");
    expect(await body.locator("ol li").allTextContents()).toEqual(["one", "two"]);
    expect(await body.locator("td").allTextContents()).toEqual(["1", "2"]);
    expect(await body.locator("pre code").textContent()).toBe("let x = 1 < 2;");
    expect(await body.locator("input[type=checkbox]").isChecked()).toBe(true);
    expect(await body.getByRole("link").getAttribute("rel")).toBe("noopener noreferrer");
  });

  test("a server with keys asks for one, and takes no wrong one", async () => {
    const page = await openPage({}, "");
    await page.getByText("This server asks for an API key.").waitFor();
    await page.getByLabel("API key").fill("wrong");
    await page.getByRole("button", { name: "Close settings" }).click();
    await page.getByLabel("API key").fill("sesame");
    await page.getByRole("button", { name: "Close settings" }).click();
    await expect.poll(() => page.locator("#model").textContent()).toContain("smollm2");
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("dialog").getByText("gptq", { exact: true }).waitFor();
  });

  test("a refusal is shown where the answer would be", async () => {
    const page = await openPage({ "fewbit.settings": { system: "", maxTokens: 1_000_000 } });
    await page.getByLabel("Message", { exact: true }).fill("word ".repeat(10_000));
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").textContent()).toContain("context");
  });

  test("nothing that changes with every token is read aloud", async () => {
    const page = await openPage(greedy);
    const announced: string[] = [];
    await page.exposeFunction("announced", (text: string) => announced.push(text));
    await page.evaluate(`new MutationObserver(() => announced(document.getElementById("status").textContent))
      .observe(document.getElementById("status"), { childList: true, characterData: true, subtree: true })`);
    await page.getByLabel("Message", { exact: true }).fill("Tell me a very long story about the sea.");
    await page.keyboard.press("Enter");
    await page.locator(answers).waitFor();
    expect(await page.getByRole("log").getAttribute("aria-busy")).toBe("true"); // so that it is read when it is whole
    await page.keyboard.press("Escape");
    await page.locator(".facts").waitFor();
    expect(await page.getByRole("log").getAttribute("aria-busy")).toBe("false");
    expect(announced).toEqual([]);
  });

  test("what is selected in an answer stays so while it grows", async () => {
    const page = await openPage(greedy);
    const question = "Write five paragraphs about the sea, each with a title.";
    await page.getByLabel("Message", { exact: true }).fill(question);
    await page.keyboard.press("Enter");
    const blocks = page.locator(`${answers} > *`);
    await expect.poll(() => blocks.count(), { timeout: 20_000 }).toBeGreaterThan(1);
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('.markdown').firstElementChild)");
    const [selected, count] = [await page.evaluate("getSelection().toString()"), await blocks.count()];
    await expect.poll(() => blocks.count(), { timeout: 20_000 }).toBeGreaterThan(count);
    expect(await page.evaluate("getSelection().toString()")).toBe(selected);
    expect(selected).not.toBe("");
    await page.keyboard.press("Escape");
    // Drawn anew, all at once, it is the same.
    await page.locator(".facts").waitFor();
    const grown = await page.locator(answers).innerHTML();
    await page.reload();
    await page.getByRole("navigation").getByRole("button", { name: question }).first().click();
    expect(await page.locator(answers).innerHTML()).toBe(grown);
  });

  test("a server that goes in the middle of an answer, and one that is gone", async () => {
    const other = await startServe([]);
    const page = await openPage(greedy);
    await page.goto(other.url);
    await page.getByLabel("Message", { exact: true }).fill("Tell me a very long story about the sea.");
    await page.keyboard.press("Enter");
    await page.locator(answers).waitFor();
    other.child.kill("SIGKILL");
    await page.getByText("The connection to the server ended in the middle of the answer.").waitFor();
    expect(await page.locator(answers).textContent()).not.toBe("");
    await page.getByRole("button", { name: "Answer again" }).click();
    await page.getByText("The server cannot be reached.").waitFor();
  });

  test("a phone shows the whole page, and its list of conversations on demand", async () => {
    const page = await openPage(greedy);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    const list = page.getByRole("navigation");
    expect(await list.isVisible()).toBe(false);
    await page.getByRole("button", { name: "Conversations" }).click();
    await list.waitFor({ state: "attached" });
    await expect.poll(() => page.getByRole("button", { name: "New chat" }).first().isVisible()).toBe(true);
  });
});
