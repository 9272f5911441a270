/** What the process ends with; scripts rely on it. */
export const exitStatus = {
  ok: 0,
  /** A failure that the message explains. */
  failure: 1,
  /** Wrong flags, commands or arguments. */
  usage: 2,
  /** Ctrl-C: 128 and the number of SIGINT, as shells have it. */
  interrupted: 130,
} as const;

/** Signals that end the program, and its exit status then, by the same rule. */
export const endingSignals = { SIGINT: exitStatus.interrupted, SIGTERM: 143, SIGHUP: 129 } as const;

export type EndingSignal = keyof typeof endingSignals;

export const endingSignalNames = Object.keys(endingSignals) as readonly EndingSignal[];
