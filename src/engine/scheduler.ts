import type { PageKind } from "../device/program.ts";
import type { StepLimits } from "../device/step.ts";
import { pageDemand, positionCapacity } from "../kv-cache/page-demand.ts";
import { PagePool } from "../kv-cache/page-pool.ts";
import { PrefixTree } from "../kv-cache/prefix-tree.ts";
import { checkReferences, SequenceCache } from "../kv-cache/sequence-cache.ts";
import type { GrammarMatcher } from "../text/grammar/grammar-matcher.ts";
import { RequestError } from "../util/errors.ts";
import type { Batch, Chunk } from "./batch.ts";
import { answerRoom } from "./answer-room.ts";
import type { GenerationRequest } from "./engine.ts";
import { FairQueue } from "./fair-queue.ts";
import { comparePlaces } from "./queue-place.ts";
import { Sequence } from "./sequence.ts";

export interface SchedulerOptions {
  /** Of the executable that runs the batches. `maxTokens` is the token budget of a step. */
  readonly limits: StepLimits;
  readonly pageKinds: readonly PageKind[];
  /** Positions that one sequence may have, prompt and output together. */
  readonly contextLength: number;
  /** Sequences with more tokens than this use rope variant 1 for all of them (Model.ropeSwitchLength). */
  readonly ropeSwitchLength?: number;
  /** Whether a sequence takes over the pages of others, also finished ones, that began with the same tokens. Default true. */
  readonly prefixReuse?: boolean;
}

/**
 * Decides what every step runs: waiting -> running -> finished, with pages as the resource.
 *
 * - Decoding sequences come first, one token each; what is left of the budget goes to prompts, in chunks, in order (FairQueue), as far
 *   as the pace allows that holds up the others.
 * - A waiting sequence is admitted when pages are free for all its tokens, beside all that running ones still need for theirs and one
 *   page more for each of these to go on. Only the first in line is looked at, so a large prompt is never overtaken for good.
 * - Where it does not fit, and running ones are of a worse priority, these are pre-empted for it.
 * - An admitted sequence begins behind the longest prefix whose pages are known; where a running one is just computing more of what
 *   both begin with, it waits for that. Its last token is always computed: its logits are wanted.
 * - Where a decoding sequence finds no page, the last running sequence is pre-empted: it gives its pages back, returns to its place
 *   in the line, and is computed again later from its prompt and what it has said, as far as its pages are gone by then.
 *
 * Both lists are in the same order, and pages are taken from its end; hence the first that runs always gets on, alone if need be,
 * since `add` refuses what would not fit alone.
 */
export class Scheduler {
  readonly contextLength: number;
  readonly pool: PagePool;
  readonly #prefixes: PrefixTree | undefined;
  readonly #limits: StepLimits;
  readonly #pageKinds: readonly PageKind[];
  readonly #ropeSwitchLength: number;
  readonly #queue = new FairQueue();
  readonly #running: Sequence[] = [];
  readonly #freeSlots: number[];
  #preemptions = 0;

  constructor({ limits, pageKinds, contextLength, ropeSwitchLength = Infinity, prefixReuse = true }: SchedulerOptions) {
    const { maxTokens, maxSequences, maxOutputs, pageSize, pageCounts } = limits;
    if (pageCounts.length !== pageKinds.length)
      throw new RequestError(
        `${pageCounts.length} page counts for ${pageKinds.length} page kinds; there must be one for each`,
      );
    if (maxSequences < 1 || maxTokens < maxSequences || maxOutputs < maxSequences)
      throw new RequestError(
        `a step of ${maxTokens} tokens and ${maxOutputs} outputs cannot decode ${maxSequences} sequences; ` +
          "tokens and outputs must be at least the sequences, and these at least 1",
      );
    const capacity = positionCapacity(pageKinds, pageSize, pageCounts);
    if (capacity < 1) throw new RequestError(`page counts ${pageCounts.join(", ")} hold no position`);
    this.#limits = limits;
    this.#pageKinds = pageKinds;
    this.contextLength = Math.min(contextLength, capacity);
    this.#ropeSwitchLength = ropeSwitchLength;
    this.pool = new PagePool(pageCounts, (kind, page) => this.#prefixes?.forget(kind, page));
    if (prefixReuse) this.#prefixes = new PrefixTree(this.pool, pageKinds, pageSize);
    this.#freeSlots = Array.from({ length: maxSequences }, (_, i) => maxSequences - 1 - i);
  }

  get waiting(): readonly Sequence[] {
    return this.#queue.waiting;
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  get preemptions(): number {
    return this.#preemptions;
  }

  get hasWork(): boolean {
    return this.#running.length + this.waiting.length > 0;
  }

  /** Takes a valid request into the line, with a matcher at its start if it has a grammar. Throws RequestError for one that could not run even alone. */
  add(request: GenerationRequest, matcher?: GrammarMatcher): Sequence {
    const room = answerRoom(request.promptIds.length, this.contextLength);
    const cache = new SequenceCache(this.pool, this.#pageKinds, this.#limits.pageSize, this.#prefixes);
    const place = this.#queue.place(request);
    const sequence = new Sequence(request, Math.min(request.maxTokens, room), cache, place, matcher);
    this.#queue.add(sequence);
    return sequence;
  }

  /**
   * What the next step is to run, with pages for all of it; undefined when there is nothing to do, or all are preparing. The caller runs it, calls
   * `complete` with every chunk whose sequence has not finished meanwhile, and only then asks again. `promptTokens`: how many tokens
   * of prompts, at least 1, a step may hold beside so many sequences that decode.
   */
  nextBatch(promptTokens: (decoding: number) => number = () => Infinity): Batch | undefined {
    if (!this.hasWork) return undefined;
    const draft: Draft = {
      chunks: [],
      tokensLeft: this.#limits.maxTokens,
      // Each of the others may want one.
      pooledLeft: this.#limits.maxOutputs - this.#limits.maxSequences + 1,
    };
    for (const sequence of this.#running) this.#switchRope(sequence);
    this.#makeRoom();
    // Both loops look at the length each time round: pre-emption takes from the end, where nothing is planned yet.
    for (let i = 0; i < this.#running.length; i++)
      if (this.#running[i].remaining === 1 && !this.#running[i].isPreparing) this.#planDecode(draft, this.#running[i]);
    const decoding = draft.chunks.length;
    draft.tokensLeft = Math.min(draft.tokensLeft, promptTokens(decoding));
    for (let i = 0; i < this.#running.length; i++)
      if (this.#running[i].remaining > 1 && !this.#running[i].isPreparing) this.#planPrefill(draft, this.#running[i]);
    this.#admit(draft);
    if (draft.chunks.length === 0 && [...this.#running, ...this.waiting].some(({ isPreparing }) => isPreparing))
      return undefined;
    if (draft.chunks.length === 0) throw new Error("no sequence can go on, though each would fit alone");
    return { chunks: draft.chunks, tokenCount: draft.chunks.reduce((sum, { start, end }) => sum + end - start, 0) };
  }

  /**
   * The step behind one that runs, for a device that runs ahead: each sequence of that goes on with the token that it is about to get,
   * whatever it is. Undefined where somebody else may come in, where the host must see the token first, or where pages run out.
   *
   * What turns out to be superfluous, since that token ended its sequence, is dropped by the caller. The pages it was written to
   * may have another owner by then: steps run in order, so that the new one's writing comes later.
   */
  aheadOf(batch: Batch): Batch | undefined {
    const sequences = batch.chunks.flatMap(({ sequence }) => (sequence.state === "running" ? [sequence] : []));
    if (sequences.length !== this.#running.length || this.#mayAdmit || !batch.chunks.every(({ samples }) => samples))
      return undefined;
    const chunks: Chunk[] = [];
    for (const { sequence, end } of batch.chunks) {
      if (sequence.state !== "running" || sequence.outputLength + 1 >= sequence.maxTokens) continue;
      const staysInVariant = this.#ropeVariantAt(end + 1) === sequence.ropeVariant;
      if (sequence.needsHost || !staysInVariant || !sequence.cache.grow(end + 1)) return undefined;
      chunks.push({ sequence, start: end, end: end + 1, samples: true, outputs: 1 });
    }
    return chunks.length === 0 ? undefined : { chunks, tokenCount: chunks.length };
  }

  /** Who is preparing keeps nobody else from being admitted. */
  get #firstInLine(): Sequence | undefined {
    return this.waiting.find(({ isPreparing }) => !isPreparing);
  }

  /** Whether the first in line could have a slot, a free one or that of a sequence of worse priority. */
  get #mayAdmit(): boolean {
    const first = this.#firstInLine;
    if (first === undefined) return false;
    const last = this.#running.at(-1);
    return this.#freeSlots.length > 0 || (last !== undefined && last.place.priority > first.place.priority);
  }

  /** The chunk's tokens are in the cache now. */
  complete({ sequence, end }: Chunk): void {
    sequence.computed = end;
    sequence.cache.commit(sequence.tokens, end);
  }

  /** Takes the sequence out, whatever its state; its pages are free at once. */
  finish(sequence: Sequence): void {
    if (sequence.state === "running") this.#stop(sequence);
    else if (sequence.state === "waiting") this.#queue.remove(sequence);
    sequence.state = "finished";
  }

  /** A sequence that has outgrown variant 0 is computed again: cached keys are rotated by one variant throughout. */
  #switchRope(sequence: Sequence): void {
    if (this.#ropeVariantAt(sequence.tokens.length) === sequence.ropeVariant) return;
    sequence.cache.release();
    this.#begin(sequence);
  }

  #ropeVariantAt(length: number): number {
    return length > this.#ropeSwitchLength ? 1 : 0;
  }

  /** Starts a sequence that holds nothing, behind what is known of its tokens. Keys depend on the variant as well. */
  #begin(sequence: Sequence): void {
    const { cache, tokens, request } = sequence;
    sequence.ropeVariant = this.#ropeVariantAt(tokens.length);
    const salt = `${sequence.ropeVariant} ${request.cacheSalt ?? ""}`;
    // A mean needs the hidden states of all.
    sequence.computed = cache.reuse(salt, tokens, request.pooling === "mean" ? 0 : tokens.length - 1);
  }

  #planDecode(draft: Draft, sequence: Sequence): void {
    sequence.cache.slide(sequence.computed);
    while (!sequence.cache.grow(sequence.computed + 1)) if (this.#preemptLast() === sequence) return;
    this.#plan(draft, sequence, 1);
  }

  #planPrefill(draft: Draft, sequence: Sequence): void {
    const most = sequence.request.pooling === "mean" ? Math.min(draft.tokensLeft, draft.pooledLeft) : draft.tokensLeft;
    const wanted = Math.min(sequence.remaining, most);
    if (wanted === 0) return;
    sequence.cache.slide(sequence.computed);
    let count = Math.min(wanted, sequence.cache.reachable - sequence.computed);
    // While others get on, their pages come back some day; pre-empting for a prompt would only waste what they have computed.
    while (count === 0 && draft.chunks.length === 0) {
      if (this.#preemptLast() === sequence) return;
      count = Math.min(wanted, sequence.cache.reachable - sequence.computed);
    }
    if (count === 0) return;
    sequence.cache.grow(sequence.computed + count);
    this.#plan(draft, sequence, count);
  }

  #plan(draft: Draft, sequence: Sequence, count: number): void {
    const start = sequence.computed;
    const end = start + count;
    const { pooling } = sequence.request;
    const isLast = end === sequence.tokens.length;
    const outputs = pooling === "mean" ? count : Number(isLast);
    draft.chunks.push({ sequence, start, end, samples: isLast && pooling === undefined, outputs });
    draft.tokensLeft -= count;
    if (pooling === "mean") draft.pooledLeft -= count;
  }

  /** Pre-empts running sequences of a worse priority than the first in line, as far as that needs it. */
  #makeRoom(): void {
    for (let first = this.#firstInLine; first !== undefined;) {
      const last = this.#running.at(-1);
      if (last === undefined || last.place.priority <= first.place.priority) return;
      if (this.#freeSlots.length > 0) {
        this.#begin(first);
        const fits = this.#hasPagesFor(first);
        this.#letGo(first);
        if (fits) return;
      }
      this.#preemptLast();
      first = this.#firstInLine;
    }
  }

  #letGo(sequence: Sequence): void {
    sequence.cache.release();
    sequence.computed = 0;
  }

  #admit(draft: Draft): void {
    while (this.#freeSlots.length > 0 && draft.tokensLeft > 0) {
      const sequence = this.#firstInLine;
      if (sequence === undefined) return;
      this.#begin(sequence);
      if (!this.#hasPagesFor(sequence) || this.#canWaitForPrefix(sequence)) {
        this.#letGo(sequence);
        return;
      }
      this.#queue.admit(sequence, this.#running);
      sequence.state = "running";
      sequence.slot = this.#freeSlots.pop()!;
      sequence.reusedTokens ??= Math.min(sequence.computed, sequence.promptLength);
      this.#planPrefill(draft, sequence);
    }
  }

  /** Whether a running sequence is about to fill the next page of what this one begins with. */
  #canWaitForPrefix({ tokens, computed, ropeVariant, request: { cacheSalt } }: Sequence): boolean {
    const end = computed + this.#limits.pageSize;
    if (this.#prefixes === undefined || end >= tokens.length) return false;
    return this.#running.some(
      (other) =>
        other.remaining > 1 &&
        other.computed < end &&
        other.tokens.length >= end &&
        other.ropeVariant === ropeVariant &&
        other.request.cacheSalt === cacheSalt &&
        hasPrefix(other.tokens, tokens, end),
    );
  }

  #hasPagesFor(sequence: Sequence): boolean {
    if (this.#running.length === 0) return true;
    for (let kind = 0; kind < this.#pageKinds.length; kind++) {
      let spare = this.pool.available(kind) - this.#running.length;
      for (const each of [sequence, ...this.#running])
        spare -= Math.max(0, this.#demand(kind, each) - each.cache.held(kind));
      if (spare < 0) return false;
    }
    return true;
  }

  /** Pages that the sequence needs for the tokens that it has now. */
  #demand(kind: number, { tokens, remaining }: Sequence): number {
    const chunk = Math.min(remaining, this.#limits.maxTokens);
    return pageDemand(this.#pageKinds[kind], this.#limits.pageSize, tokens.length, chunk);
  }

  #preemptLast(): Sequence {
    const sequence = this.#running.at(-1)!;
    this.#stop(sequence);
    sequence.state = "waiting";
    sequence.computed = 0;
    this.#queue.add(sequence);
    this.#preemptions++;
    return sequence;
  }

  #stop(sequence: Sequence): void {
    sequence.cache.release();
    this.#running.splice(this.#running.indexOf(sequence), 1);
    this.#freeSlots.push(sequence.slot);
    sequence.slot = -1;
  }

  /** True, or throws what is wrong. Holds between steps and while one runs. */
  checkIntegrity(): true {
    this.pool.checkIntegrity();
    this.#prefixes?.checkIntegrity();
    const holders = this.#pageKinds.map(() => new Map<number, number>());
    const slots = new Set(this.#freeSlots);
    for (const sequence of this.#running) {
      sequence.cache.checkIntegrity(holders);
      if (sequence.state !== "running") throw new Error(`a ${sequence.state} sequence is in the running list`);
      if (slots.has(sequence.slot)) throw new Error(`slot ${sequence.slot} has two owners`);
      slots.add(sequence.slot);
      if (sequence.computed > sequence.cache.positions || sequence.remaining < 0)
        throw new Error(`${sequence.computed} tokens computed, with pages for ${sequence.cache.positions}`);
    }
    if (slots.size !== this.#limits.maxSequences || !slots.has(0)) throw new Error("a slot was lost or invented");
    for (const list of [this.#running, this.waiting])
      for (let i = 1; i < list.length; i++)
        if (comparePlaces(list[i - 1].place, list[i].place) >= 0) throw new Error("sequences are out of order");
    for (const sequence of this.waiting)
      if (sequence.state !== "waiting" || sequence.slot !== -1 || sequence.cache.positions !== 0)
        throw new Error(`a ${sequence.state} sequence in line holds slot ${sequence.slot} or pages`);
    return checkReferences(this.pool, holders);
  }
}

function hasPrefix(tokens: readonly number[], other: readonly number[], length: number): boolean {
  for (let i = 0; i < length; i++) if (tokens[i] !== other[i]) return false;
  return true;
}

/** A batch in the making. */
interface Draft {
  readonly chunks: Chunk[];
  tokensLeft: number;
  /** Outputs for means. */
  pooledLeft: number;
}
