import {
  AbortedError,
  CrashError,
  FormatError,
  IoError,
  OutOfMemoryError,
  OverloadedError,
  TimeoutError,
} from "../util/errors.ts";
import { FewbitError, RequestError, UnsupportedError } from "../util/errors.ts";
import type { ErrorCode } from "../util/errors.ts";
import type { EngineEvent, EngineInfo, EngineStats, GenerationRequest } from "./engine.ts";

/** What an engine in another process or thread is told. Plain data that structured clone can carry, as is all of this file. */
export type EngineCommand =
  | { readonly type: "generate"; readonly requestId: number; readonly request: GenerationRequest }
  | { readonly type: "cancel"; readonly requestId: number }
  | { readonly type: "stats"; readonly callId: number }
  | { readonly type: "dispose" };

/** What it answers. A request's replies come in order; none follows its `finished` event or its failure. */
export type EngineReply =
  | { readonly type: "ready"; readonly info: EngineInfo }
  | { readonly type: "event"; readonly requestId: number; readonly event: EngineEvent }
  | { readonly type: "request-failed"; readonly requestId: number; readonly error: WireError }
  | { readonly type: "stats"; readonly callId: number; readonly stats: EngineStats }
  | { readonly type: "stats-failed"; readonly callId: number; readonly error: WireError }
  | { readonly type: "disposed" };

/** One end of a channel that keeps messages whole and in order. */
export interface Port<Incoming, Outgoing> {
  readonly post: (message: Outgoing) => void;
  /** Called once; messages that came before wait for it. */
  readonly onMessage: (handler: (message: Incoming) => void) => void;
}

/** An error as its reaction and its message; classes do not survive a process boundary. */
export interface WireError {
  /** Absent: an error that fewbit did not throw on purpose. */
  readonly code?: ErrorCode;
  readonly message: string;
  /** RequestError's. */
  readonly option?: string | undefined;
}

export function encodeError(error: unknown): WireError {
  if (error instanceof RequestError) return { code: error.code, message: error.message, option: error.option };
  if (error instanceof FewbitError) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}

export function decodeError({ code, message, option }: WireError): Error {
  if (code === "bad-request") return new RequestError(message, { option });
  return code === undefined ? new Error(message) : new errorClasses[code](message);
}

const errorClasses = {
  "bad-file": FormatError,
  unsupported: UnsupportedError,
  "out-of-memory": OutOfMemoryError,
  "bad-request": RequestError,
  aborted: AbortedError,
  io: IoError,
  crashed: CrashError,
  overloaded: OverloadedError,
  "timed-out": TimeoutError,
} as const satisfies Record<ErrorCode, new (message: string) => FewbitError>;
