/** What an observation still counts for after the next one. */
const memory = 0.97;

/** A step may always take so long: twenty tokens a second are more than anybody reads, and whoever waits for a first one waits less. */
const unnoticedMs = 50;

/** Until steps of several sizes have been seen: tokens that cost as much as a step by itself, as on a CPU of few cores. */
const firstGuess = 32;

/** Prompts get on by so much at least. */
const leastTokens = 16;

/**
 * How many times as long a step may take for the prompts in it. Of the load of bench/serve-race.mjs with 16 users, 1.75 makes the 99th
 * percentile between tokens 94 ms, and costs a third of the throughput, since reading the weights is paid for by fewer tokens.
 */
const slowdown = 3;

/**
 * How much of prompts a step may hold beside sequences that decode: so much that these wait `slowdown` times as long for their next token,
 * and no longer, but where nobody would notice. A whole budget of prompt tokens would hold them up for tens of steps.
 *
 * A step of x tokens takes a + b·x: a for reading the weights, b for computing with them. With d sequences that decode, a + b·(d + p) is
 * `slowdown` times a + b·d where p = (slowdown - 1)·(a / b + d). The line is fitted by least squares to the steps that were, the last ones
 * above all. Schedules depend on the clock then; answers do not, since no row depends on its neighbours.
 */
export class StepPace {
  #weight = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;
  /** a / b. */
  #tokensOfStep = firstGuess;
  /** b; 0: not known. */
  #msPerToken = 0;

  /** A step of so many tokens has taken so long. */
  observe(tokens: number, milliseconds: number): void {
    this.#weight = memory * this.#weight + 1;
    this.#x = memory * this.#x + tokens;
    this.#y = memory * this.#y + milliseconds;
    this.#xx = memory * this.#xx + tokens * tokens;
    this.#xy = memory * this.#xy + tokens * milliseconds;
    const [x, y] = [this.#x / this.#weight, this.#y / this.#weight];
    const variance = this.#xx / this.#weight - x * x;
    // Steps of one size say nothing of what a token costs: what was known before holds.
    if (variance < 1) return;
    const perToken = (this.#xy / this.#weight - x * y) / variance;
    const perStep = y - perToken * x;
    // Of a device that hardly minds more tokens, or noise.
    if (perToken <= 0) return;
    this.#tokensOfStep = Math.max(0, perStep / perToken);
    this.#msPerToken = perToken;
  }

  /** Tokens of prompts in a step in which so many sequences decode, at least 1. */
  promptTokens(decoding: number): number {
    if (decoding === 0) return Infinity;
    const own = this.#tokensOfStep + decoding;
    const unnoticed = this.#msPerToken > 0 ? unnoticedMs / this.#msPerToken - own : 0;
    return Math.max(leastTokens, Math.floor(Math.max((slowdown - 1) * own, unnoticed)));
  }
}
