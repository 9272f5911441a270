import { UnsupportedError } from "../util/errors.ts";
import type { FloatType } from "../weights/packed-weight.ts";
import type { DeviceOptions } from "./backend.ts";

/** What the user may say of activations: "auto" is the type of the checkpoint's embedding. */
export type DtypeChoice = FloatType | "auto";

export const dtypeChoices: readonly DtypeChoice[] = ["auto", "f32", "bf16", "f16"];

/**
 * The type that a device's buffers hold: the one asked for, else the stored one, else the first that the backend has. Where the backend
 * lacks it, f32 takes its place, which holds every value of either half. `types` are those of the backend, best first.
 *
 * Throws UnsupportedError where f32 is asked for, or would have to stand in, and the backend lacks that too.
 */
export function chooseDtype(
  backend: string,
  types: readonly FloatType[],
  { dtype, storedDtype }: Pick<DeviceOptions, "dtype" | "storedDtype">,
): FloatType {
  const wanted = dtype ?? storedDtype ?? types[0];
  const holding = [wanted, "f32"] as const;
  const chosen = holding.find((type) => types.includes(type));
  if (chosen === undefined)
    throw new UnsupportedError(
      `the ${backend} backend computes in ${types.join(" or ")}; dtype ${wanted} needs another`,
    );
  return chosen;
}
