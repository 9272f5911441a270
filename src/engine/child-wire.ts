import type { EngineCommand, EngineReply, WireError } from "./wire.ts";

/** The first message to a child process is what its engine is to be opened with; engine commands follow. */
export type ParentMessage = { readonly type: "open"; readonly options: unknown } | EngineCommand;

/** A child whose engine cannot be opened says why, and exits; else it speaks as engines do. */
export type ChildMessage = { readonly type: "open-failed"; readonly error: WireError } | EngineReply;
