import type { BackendReport } from "../device/backend.ts";

/** Later builds have it; saying so spares a question. */
export const absentBackends: readonly BackendReport[] = (["webgpu"] as const).map((name) => ({
  name,
  available: false,
  detail: "this build has no such backend",
}));
