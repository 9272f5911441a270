import { RequestError } from "../util/errors.ts";

/** Positions that a prompt leaves for its answer, at least 1. Throws RequestError where it leaves none. */
export function answerRoom(promptLength: number, contextLength: number): number {
  const room = contextLength - promptLength;
  if (room >= 1) return room;
  const message =
    `the prompt has ${promptLength} ${promptLength === 1 ? "token" : "tokens"}, and the context of ${contextLength} holds prompt and answer together` +
    `${room === 0 ? ", which leaves nothing for an answer" : ""}: ` +
    "shorten the prompt, or load the model with a larger context (contextLength, --ctx-size) if it was trained for one";
  throw new RequestError(message, { option: "promptIds" });
}
