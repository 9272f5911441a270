import { UnsupportedError } from "../util/errors.ts";

/** Messages name no more modules than that. */
const named = 3;

/** Why a checkpoint is not converted: its modules that lose, or have no form at all. */
export function refusedModules(label: string, refusals: readonly string[], requantize: boolean): UnsupportedError {
  const more = refusals.length > named ? `; and ${refusals.length - named} modules more` : "";
  const advice = requantize ? "" : "; --requantize goes on, and says what is lost";
  const first = refusals.slice(0, named).join("; ");
  return new UnsupportedError(`${label}: cannot be converted without a loss: ${first}${more}${advice}`);
}
