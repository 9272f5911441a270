/** What both public entries of the package export. */
export type { ActivationType, BackendName, CacheType, HeadType } from "../device/backend.ts";
export type { DtypeChoice } from "../device/choose-dtype.ts";
export type { SamplingParameters } from "../device/sampling.ts";
export type { EngineDevice, EngineHealth, EngineStats, FinishReason, TokenEvent, Usage } from "../engine/engine.ts";
export type { HubAccess } from "../hub/hub.ts";
export type { Folder } from "../io/folder.ts";
export { openHttpFolder } from "../io/http-folder.ts";
export { openMemoryFolder } from "../io/memory-folder.ts";
export type { FormOptions, ResponseFormat } from "../llm/answer-grammar.ts";
export type { EmbedOptions, Embedding } from "../llm/embedding.ts";
export type { EngineOptions } from "../llm/engine-options.ts";
export type { ChatOptions, GenerateOptions, TemplateOptions } from "../llm/generation-options.ts";
export type {
  Generation,
  GenerationEvent,
  GenerationFinishedEvent,
  GenerationResult,
  GenerationTimings,
  TextEvent,
} from "../llm/generation.ts";
export type { Host, ModelLocation } from "../llm/host.ts";
export type { LLMInfo } from "../llm/llm.ts";
export type { LoadOptions } from "../llm/load-options.ts";
export type {
  AnswerEvent,
  AnswerFinishedEvent,
  AnswerFinishReason,
  AnswerResult,
  ChatAnswer,
  ReasoningEvent,
  ToolArgumentsEvent,
  ToolCall,
  ToolCallEvent,
} from "../llm/tools/chat-answer.ts";
export type { RespondOptions, Tool, ToolChoice } from "../llm/tools/tool-options.ts";
export type { ChatMessage, ContentPart } from "../text/chat-message.ts";
export type { GrammarSpec } from "../text/grammar/grammar-spec.ts";
export type { DecodeOptions, EncodeOptions, Tokenizer } from "../text/tokenizer/tokenizer.ts";
export {
  AbortedError,
  CrashError,
  FewbitError,
  FormatError,
  IoError,
  OutOfMemoryError,
  OverloadedError,
  RequestError,
  TimeoutError,
  UnsupportedError,
} from "../util/errors.ts";
export type { ErrorCode } from "../util/errors.ts";
export type { FileProgress, LoadPhase, LoadProgress } from "../util/load-progress.ts";
