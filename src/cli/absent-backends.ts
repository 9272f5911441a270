import type { BackendReport } from "../device/backend.ts";

/** Later builds have them; saying so spares a question. */
export const absentBackends: readonly BackendReport[] = (["cuda", "webgpu"] as const).map((name) => ({
  name,
  available: false,
  detail: "this build has no such backend",
}));
