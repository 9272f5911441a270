import { spawn } from "node:child_process";
import { once } from "node:events";
import { launcher } from "../cli/fewbit.ts";

export const embeddedModel = "smollm2-135m-instruct-gptq-int4";

/** `fewbit serve` with the embedded model, in a process of its own. */
export interface ServedProcess extends AsyncDisposable {
  readonly url: string;
}

/** Starts it on a free port. Throws where it ends before it listens. */
export async function serve(...args: readonly string[]): Promise<ServedProcess> {
  const server = spawn(process.execPath, [launcher, "serve", "--port", "0", "--json", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(server, "exit").then(() => {
    throw new Error("the server ended before it listened");
  });
  const [line] = (await Promise.race([once(server.stdout.setEncoding("utf8"), "data"), exit])) as [string];
  exit.catch(() => undefined);
  const { url } = JSON.parse(line) as { readonly url: string };
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      if (server.exitCode === null) await once(server, "exit");
    },
  };
}
