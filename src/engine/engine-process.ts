import type { CrashError } from "../util/errors.ts";
import type { Engine } from "./engine.ts";

/** An engine with a process of its own, which may end at any time. */
export interface EngineProcess extends Engine {
  /** Undefined where the process could not be started. */
  readonly pid: number | undefined;
  /** Settles when the process is gone, however it ended, with what its requests fail with. */
  readonly ended: Promise<CrashError>;
  /** Ends the process at once, whatever it is doing. */
  kill(): void;
}
