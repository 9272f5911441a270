import { comparePlaces, type QueuePlace } from "./queue-place.ts";
import type { Sequence } from "./sequence.ts";

/** Tenants that are remembered before those with nothing to catch up on are forgotten. */
const manyTenants = 1024;

/**
 * The order in which sequences get pages and slots: by priority, lower first; among equals, tenants take turns (start-time fair
 * queueing of Goyal, Vin and Cheng, 1996, with every request of the same weight); among those, as they came.
 *
 * A request's turn is the number of the round in which it would be admitted if each round admitted one request of every tenant. So who
 * submits a thousand at once stands in his own way only. A tenant is who shares a cache salt.
 */
export class FairQueue {
  readonly #waiting: Sequence[] = [];
  /** By tenant: the turn of its next request, if that came now. */
  readonly #nextTurns = new Map<string, number>();
  /** The last turn from which a request was admitted. */
  #turn = 0;
  #arrivals = 0;

  /** In order. */
  get waiting(): readonly Sequence[] {
    return this.#waiting;
  }

  /** A sequence's place among all others, for good. */
  place({ priority = 0, cacheSalt = "" }: Sequence["request"]): QueuePlace {
    const turn = Math.max(this.#turn, this.#nextTurns.get(cacheSalt) ?? 0);
    this.#nextTurns.set(cacheSalt, turn + 1);
    if (this.#nextTurns.size > manyTenants)
      for (const [tenant, next] of this.#nextTurns) if (next <= this.#turn) this.#nextTurns.delete(tenant);
    return { priority, turn, arrival: this.#arrivals++ };
  }

  add(sequence: Sequence): void {
    insert(this.#waiting, sequence);
  }

  remove(sequence: Sequence): void {
    this.#waiting.splice(this.#waiting.indexOf(sequence), 1);
  }

  /** Takes one that waits, for `running`, which is in the same order. */
  admit(sequence: Sequence, running: Sequence[]): void {
    this.remove(sequence);
    this.#turn = Math.max(this.#turn, sequence.place.turn);
    insert(running, sequence);
  }
}

function insert(ordered: Sequence[], sequence: Sequence): void {
  let at = ordered.length;
  while (at > 0 && comparePlaces(ordered[at - 1].place, sequence.place) > 0) at--;
  ordered.splice(at, 0, sequence);
}
