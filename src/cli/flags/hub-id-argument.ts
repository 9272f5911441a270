import { parseHubId, type HubId } from "../../hub/hub-id.ts";
import { UsageError } from "../usage-error.ts";

/** Throws UsageError for what is no id on the Hub. */
export function hubIdOf(model: string): HubId {
  const id = parseHubId(model);
  if (id === undefined)
    throw new UsageError(
      `${JSON.stringify(model)} is no id on the Hub: org/name, org/name@revision or org/name:VARIANT`,
    );
  return id;
}
