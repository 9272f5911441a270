/** What a model takes upon itself, and for how long; what a request says of itself comes first. */
export interface RequestLimits {
  /** Answers under way at once, waiting ones included; more fail with OverloadedError at once. Default: no limit. */
  readonly maxRequests?: number | undefined;
  /** How long an answer may take, waiting included, before it fails with TimeoutError. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** How long a request may wait to be begun before it fails with OverloadedError. Default: no limit. */
  readonly queueTimeoutMs?: number | undefined;
}
