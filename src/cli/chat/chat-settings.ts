import { InvalidArgumentError, type Option } from "commander";
import { RequestError } from "../../util/errors.ts";
import { didYouMean } from "../closest.ts";
import { generationFlags, type GenerationFlags } from "../flags/generation-flags.ts";

/** What `/set` changes: the flags that say how to answer, by their names without dashes. */
export class ChatSettings {
  readonly #options = new Map<string, Option>();
  readonly #values: Record<string, unknown>;

  constructor(initial: GenerationFlags) {
    this.#values = { ...initial };
    for (const { option, aliases = [] } of generationFlags())
      for (const name of [option.long ?? "", ...aliases]) this.#options.set(name.slice(2), option);
  }

  get flags(): GenerationFlags {
    return this.#values;
  }

  /** All names, those of other programs included. */
  get names(): readonly string[] {
    return [...this.#options.keys()];
  }

  /** Every setting on a line of its own. */
  describe(): string {
    return [...new Set(this.#options.values())].map((option) => this.#line(option)).join("\n");
  }

  /**
   * Takes a value as the flag would; "default" goes back to the model's own; without a value only tells. Gives the setting as
   * it is then. Throws RequestError for a name or a value that is none.
   */
  set(name: string, value: string): string {
    const option = this.#options.get(name.replace(/^--/, ""));
    if (option === undefined)
      throw new RequestError(`there is no setting ${name}${didYouMean(name, this.names)}; /set lists them`);
    if (value === "default") this.#values[option.attributeName()] = undefined;
    else if (value !== "") this.#values[option.attributeName()] = parse(option, value);
    return this.#line(option);
  }

  #line(option: Option): string {
    const value = this.#values[option.attributeName()];
    const shown = value === undefined ? "default" : JSON.stringify(value);
    return `${(option.long ?? "").slice(2).padEnd(20)} ${shown}`;
  }
}

function parse(option: Option, value: string): unknown {
  if (option.isBoolean()) {
    if (value === "on" || value === "off") return value === "on";
    throw new RequestError(`/set ${option.name()} takes on, off or default`);
  }
  try {
    return option.parseArg?.(value, undefined);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new RequestError(`/set ${option.name()}: ${error.message.replace(/\.$/, "")}`, { cause: error });
  }
}
