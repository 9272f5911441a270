import type { LoadProgress } from "../util/load-progress.ts";
import type { EngineCommand, EngineReply, WireError } from "./wire.ts";

/** The first message to a child process is what its engine is to be opened with; engine commands follow. */
export type ParentMessage = OpenMessage | EngineCommand;

export interface OpenMessage {
  readonly type: "open";
  readonly options: unknown;
  /** Whether anybody listens to "progress". */
  readonly wantsProgress: boolean;
}

/** A child tells how far it is; if its engine cannot be opened it says why, and exits; else it speaks as engines do from then on. */
export type ChildMessage =
  | { readonly type: "progress"; readonly progress: LoadProgress }
  | { readonly type: "open-failed"; readonly error: WireError }
  | EngineReply;
