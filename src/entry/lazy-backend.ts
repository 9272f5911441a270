import type { Backend, BackendName } from "../device/backend.ts";

/** A backend whose code is loaded when it is first probed or opened. Code that does not load cannot run, which `probe` says. */
export function lazyBackend(name: BackendName, load: () => Promise<Backend>): Backend {
  let loading: Promise<Backend> | undefined;
  const backend = (): Promise<Backend> => (loading ??= load());
  return {
    name,
    probe: async () => {
      try {
        return await (await backend()).probe();
      } catch (error) {
        return { name, available: false, detail: `its code does not load: ${String(error)}` };
      }
    },
    open: async (options) => (await backend()).open(options),
  };
}
