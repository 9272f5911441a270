/** Where a sequence stands among all others; FairQueue gives it. */
export interface QueuePlace {
  readonly priority: number;
  readonly turn: number;
  readonly arrival: number;
}

/** Below 0 where `a` comes first. */
export function comparePlaces(a: QueuePlace, b: QueuePlace): number {
  return a.priority - b.priority || a.turn - b.turn || a.arrival - b.arrival;
}
