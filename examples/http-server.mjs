// An HTTP server of one route, with nothing but Node: POST a question, and the answer streams back. Whoever hangs up ends
// their answer; any number of them are computed together.
//
//   node examples/http-server.mjs [MODEL]     in a checkout after `npm run setup`; PORT=8080 is the default
//   curl -N localhost:8080 -d "Why is the sky blue?"
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { FewbitError, LLM } from "fewbit";

const llm = await LLM.load(process.argv[2]);

const server = createServer(async (request, response) => {
  const hungUp = new AbortController();
  response.on("close", () => hungUp.abort());
  try {
    const answer = llm.chat(await text(request), { maxTokens: 200, signal: hungUp.signal });
    for await (const event of answer) {
      if (event.type === "text") response.write(event.text);
    }
  } catch (error) {
    const isTheirs = error instanceof FewbitError && error.code === "bad-request";
    if (!isTheirs) console.error(error);
    if (!response.headersSent) response.writeHead(isTheirs ? 400 : 500);
    response.write(isTheirs ? error.message : "the server failed");
  }
  response.end();
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === "object" ? address?.port : address}`);
});

process.once("SIGINT", async () => {
  server.close();
  await llm.close();
  process.exit(0);
});
