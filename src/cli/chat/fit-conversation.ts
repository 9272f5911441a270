import type { Turn } from "./turn.ts";

export interface FittedConversation {
  readonly turns: readonly Turn[];
  /** How many turns at the beginning did not fit. */
  readonly dropped: number;
}

/**
 * A conversation that has room: its oldest turns go, a question with its answer, until what is left has at most `room` tokens.
 * Undefined: the last message alone has more.
 */
export async function fitConversation(
  turns: readonly Turn[],
  room: number,
  countTokens: (turns: readonly Turn[]) => Promise<number>,
): Promise<FittedConversation | undefined> {
  for (let dropped = 0; dropped < turns.length; dropped = nextQuestion(turns, dropped)) {
    const rest = turns.slice(dropped);
    if ((await countTokens(rest)) <= room) return { turns: rest, dropped };
  }
  return undefined;
}

/** Where the question after `start` is: templates want a user's message first. */
function nextQuestion(turns: readonly Turn[], start: number): number {
  const next = turns.findIndex(({ role }, i) => i > start && role === "user");
  return next === -1 ? turns.length : next;
}
