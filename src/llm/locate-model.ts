import type { HubOpenOptions } from "../hub/hub.ts";
import { parseHubId } from "../hub/hub-id.ts";
import { IoError, RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { Host, ModelLocation } from "./host.ts";

/**
 * Finds a model by what a user calls it: a path (what is on the disk wins), else an id on the Hub; absent: the host's default. Throws RequestError where there is
 * no default model or no Hub, IoError where there is nothing of that name.
 */
export async function locateModel(
  host: Host,
  given: string | undefined,
  options: HubOpenOptions = {},
): Promise<ModelLocation> {
  const name = given ?? host.defaultModel;
  if (name === undefined)
    throw new RequestError("no model is named, and none comes with this build; name a folder or a file");
  const found = await host.locate(name);
  if (found !== undefined) return found;
  const id = parseHubId(name);
  if (id === undefined) throw new IoError(`${quote(name)}: there is no such folder or file`);
  if (host.hub === undefined) {
    throw new RequestError(
      `${quote(name)} is not on the disk and reads like an id on the Hub, from which this build does not fetch; ` +
        "download the repository and name its folder",
    );
  }
  if (given === undefined)
    options.onWarning?.(`no model is named, and none comes with this build: taking ${name} from the Hub`);
  return host.hub.open(id, options);
}
