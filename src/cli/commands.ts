import type { Command } from "commander";

/** A command as the overview lists it; the rest of it is loaded when it is asked for, so that all others start fast. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Gives what adds arguments, flags, examples and the action to the command. */
  readonly load: () => Promise<(command: Command) => void>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "answer one prompt",
    load: async () => (await import("./run.ts")).defineRun,
  },
  {
    name: "chat",
    summary: "hold a conversation in the terminal",
    load: async () => (await import("./chat.ts")).defineChat,
  },
  {
    name: "serve",
    summary: "answer over HTTP, as the OpenAI API does",
    load: async () => (await import("./serve.ts")).defineServe,
  },
  {
    name: "pull",
    summary: "fetch a model from the Hub into the cache",
    load: async () => (await import("./pull.ts")).definePull,
  },
  {
    name: "list",
    summary: "show the models in the cache",
    load: async () => (await import("./list.ts")).defineList,
  },
  {
    name: "rm",
    summary: "remove a model from the cache",
    load: async () => (await import("./rm.ts")).defineRm,
  },
  {
    name: "inspect",
    summary: "show what a checkpoint holds and what can run it",
    load: async () => (await import("./inspect.ts")).defineInspect,
  },
  {
    name: "convert",
    summary: "write a checkpoint in another format, without loss where there is a way",
    load: async () => (await import("./convert.ts")).defineConvert,
  },
  {
    name: "tokenize",
    summary: "text to token ids, and back",
    load: async () => (await import("./tokenize.ts")).defineTokenize,
  },
  {
    name: "template",
    summary: "a conversation as the model reads it",
    load: async () => (await import("./template.ts")).defineTemplate,
  },
  {
    name: "eval",
    summary: "logits and perplexity of given tokens",
    load: async () => (await import("./eval.ts")).defineEval,
  },
  {
    name: "bench",
    summary: "measure how fast a model runs",
    load: async () => (await import("./bench.ts")).defineBench,
  },
  {
    name: "doctor",
    summary: "show what this machine has and which backends can run",
    load: async () => (await import("./doctor.ts")).defineDoctor,
  },
  {
    name: "completion",
    summary: "print a script that completes commands in bash, zsh or fish",
    load: async () => (await import("./completion.ts")).defineCompletion,
  },
];
