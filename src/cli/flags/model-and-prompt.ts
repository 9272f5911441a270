import { parseHubId } from "../../hub/hub-id.ts";
import { UsageError } from "../usage-error.ts";

export interface ModelAndPromptArguments {
  readonly positionals: readonly string[];
  /** -m */
  readonly model?: string | undefined;
  /** -p */
  readonly prompt?: string | undefined;
  /** --ids is given: they are the prompt. */
  readonly hasIds: boolean;
  /** Whether there is a file or folder of this name. */
  readonly exists: (path: string) => boolean;
}

/** An action of a command with the arguments `[MODEL] [PROMPT]`: it is given those that are there. */
export function withPositionals<Flags>(
  act: (positionals: readonly string[], flags: Flags) => Promise<void>,
): (first: string | undefined, second: string | undefined, flags: Flags) => Promise<void> {
  return (first, second, flags) =>
    act(
      [first, second].filter((text) => text !== undefined),
      flags,
    );
}

/** Either may be absent: the model that comes with fewbit, the prompt on stdin. */
export interface ModelAndPrompt {
  readonly model?: string;
  readonly prompt?: string;
}

/**
 * Which positional arguments of `run [MODEL] [PROMPT]` are what. Two are model and prompt, in this order. One is what the
 * flags leave open; where they leave both open, the model if it reads like one. Throws UsageError where something is said
 * twice.
 */
export function modelAndPrompt({
  positionals,
  model,
  prompt,
  hasIds,
  exists,
}: ModelAndPromptArguments): ModelAndPrompt {
  if (hasIds && prompt !== undefined) throw new UsageError("--ids and -p both give the prompt; give one of them");
  const open = [...(model === undefined ? ["model"] : []), ...(prompt === undefined && !hasIds ? ["prompt"] : [])];
  if (positionals.length > open.length) throw new UsageError(tooMany(positionals, open));
  const given = { ...(model !== undefined && { model }), ...(prompt !== undefined && { prompt }) };
  if (positionals.length === 0) return given;
  const [first, second] = positionals;
  if (second !== undefined) return { model: first, prompt: second };
  const isModel = open.length === 2 ? readsLikeModel(first, exists) : open[0] === "model";
  return isModel ? { ...given, model: first } : { ...given, prompt: first };
}

/** On the disk, by its ending, by its start, or as an id on the Hub. */
function readsLikeModel(text: string, exists: (path: string) => boolean): boolean {
  return (
    exists(text) || /\.(gguf|safetensors|bin)$/.test(text) || /^\.{0,2}\//.test(text) || parseHubId(text) !== undefined
  );
}

function tooMany(positionals: readonly string[], open: readonly string[]): string {
  const extra = JSON.stringify(positionals[open.length]);
  return open.length === 0
    ? `${extra} is one argument too many: the flags give model and prompt already`
    : `${extra} is one argument too many: ${open.map((name) => name.toUpperCase()).join(" and ")} would be accepted`;
}
