// A model that runs in the page itself: it comes over HTTP from the folder /model/, and no server computes anything.
// Any bundler makes a page of this (serve.mjs uses Rolldown); no settings are needed. It takes a small model: in browsers,
// fewbit has its plain TypeScript backend so far.
import { LLM } from "fewbit";

const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const button = /** @type {HTMLButtonElement} */ (document.querySelector("button"));
const status = /** @type {HTMLElement} */ (document.querySelector("#status"));
const output = /** @type {HTMLElement} */ (document.querySelector("#answer"));

/** @param {unknown} error */
const show = (error) => (status.textContent = error instanceof Error ? error.message : String(error));

try {
  const llm = await LLM.load("/model/", {
    onProgress: ({ phase, bytesDone }) => (status.textContent = `${phase}: ${(bytesDone / 1e6).toFixed(1)} MB`),
  });
  status.textContent = `${llm.info.architecture}, ready in ${Math.round(llm.info.loadMs)} ms`;
  button.disabled = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const prompt = String(new FormData(form).get("prompt"));
    output.textContent = prompt;
    try {
      const answer = llm.generate(prompt, { maxTokens: 50, temperature: 0 });
      for await (const part of answer) {
        if (part.type === "text") output.append(part.text);
      }
      const { usage, timings } = await answer.result;
      status.textContent = `${usage.completionTokens} tokens, ${timings.decodeTokensPerSecond.toFixed(1)} a second`;
    } catch (error) {
      show(error);
    }
    button.disabled = false;
  });
} catch (error) {
  show(error);
}
