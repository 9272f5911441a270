import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import type { Host, ModelLocation } from "../llm/host.ts";
import { readOverrides, type CommonFlags } from "./flags/common-flags.ts";
import { locateNamedModel, type NamedModel } from "./locate-named-model.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Opens what a user calls a model, without bringing it to a device; absent: the host's own. Errors as locateModel and
 * openCheckpoint. `acceptsUnreadable` as there.
 */
export async function openNamedCheckpoint(
  host: Host,
  name: NamedModel,
  flags: CommonFlags,
  terminal: Terminal,
  signal: AbortSignal,
  acceptsUnreadable = false,
): Promise<Checkpoint> {
  const location = await locateNamedModel(host, name, flags, terminal, signal);
  return openLocatedCheckpoint(location, flags, terminal, signal, acceptsUnreadable);
}

/** As openNamedCheckpoint, of what was found already. */
export function openLocatedCheckpoint(
  { folder, file }: ModelLocation,
  flags: CommonFlags,
  terminal: Terminal,
  signal: AbortSignal,
  acceptsUnreadable = false,
): Promise<Checkpoint> {
  return openCheckpoint(folder, {
    ...readOverrides(flags),
    ...(file !== undefined && { file }),
    acceptsUnreadable,
    warn: terminal.warn,
    signal,
  });
}
