/** What a caller may switch on; one per class below. The strings are stable, messages are not. */
export type ErrorCode =
  | "bad-file"
  | "unsupported"
  | "out-of-memory"
  | "bad-request"
  | "aborted"
  | "io"
  | "crashed"
  | "overloaded"
  | "timed-out";

/**
 * Base of every error that fewbit throws on purpose. There are few subclasses, one for each *reaction* of the caller,
 * not one for each cause: the cause is in the message, which says what was found, what is accepted, where, and what to do.
 * Anything else that escapes (a TypeError, a bare RangeError) is a bug of ours. The name is set on the prototype so that
 * stack traces begin with it, also in minified builds.
 */
export abstract class FewbitError extends Error {
  abstract readonly code: ErrorCode;
}

/** The bytes are malformed, truncated or contradict themselves. Reaction: fetch the file again or refuse it. */
export class FormatError extends FewbitError {
  override readonly code = "bad-file";
  static {
    this.prototype.name = "FormatError";
  }
}

/** Valid, but fewbit (or this device) cannot do it. Reaction: another option, device or checkpoint. */
export class UnsupportedError extends FewbitError {
  override readonly code = "unsupported";
  static {
    this.prototype.name = "UnsupportedError";
  }
}

/** Memory of the host or of a device is exhausted. Reaction: a smaller model, context or batch. */
export class OutOfMemoryError extends FewbitError {
  override readonly code = "out-of-memory";
  static {
    this.prototype.name = "OutOfMemoryError";
  }
}

/** The caller asked for something meaningless: a wrong argument, flag or request body. Reaction: fix the request. */
export class RequestError extends FewbitError {
  override readonly code = "bad-request";
  /** Which option is wrong, as the function that was called names it; a message that names it begins with it. Undefined: no single one. */
  readonly option: string | undefined;

  constructor(message: string, { option, ...options }: ErrorOptions & { readonly option?: string | undefined } = {}) {
    super(message, options);
    this.option = option;
  }

  static {
    this.prototype.name = "RequestError";
  }
}

/** The caller's own AbortSignal fired. Reaction: none, it was asked for. `cause` is the signal's reason. */
export class AbortedError extends FewbitError {
  override readonly code = "aborted";
  static {
    this.prototype.name = "AbortedError";
  }
}

/** A disk or a network failed, or a path does not exist; the bytes were never seen. Reaction: try again, fix the path. */
export class IoError extends FewbitError {
  override readonly code = "io";
  static {
    this.prototype.name = "IoError";
  }
}

/** There is more work than can be done, or waited for. Reaction: come again later, or ask another server. */
export class OverloadedError extends FewbitError {
  override readonly code = "overloaded";
  static {
    this.prototype.name = "OverloadedError";
  }
}

/** The time that the request was given is over. Reaction: give it more, or ask for less. */
export class TimeoutError extends FewbitError {
  override readonly code = "timed-out";
  static {
    this.prototype.name = "TimeoutError";
  }
}

/** The process that ran the engine died or stopped answering. Reaction: start it again and submit once more. */
export class CrashError extends FewbitError {
  override readonly code = "crashed";
  static {
    this.prototype.name = "CrashError";
  }
}
