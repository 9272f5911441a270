import { UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { StepBudget } from "../../util/step-budget.ts";
import { lowCodePoints } from "./char-table.ts";
import * as op from "./instructions.ts";
import type { Regex, RegexMatch } from "./regex.ts";
import type { RegexProgram } from "./regex-program.ts";

// Constants of this module: where modules are not bundled, one of another module may be a property to look up every time.
const { BRANCH, RUN, CHAR, SET, SKIP, MATCH, PEEK, JUMP, FORK } = op;
const { FORK_AHEAD, SAVE, LEAVE_IF_EMPTY, ENTER, COMMIT, REWIND, REFUTE, RETURNED, BACK } = op;
const {
  PEEK_BACK,
  BORDER,
  TEXT_START,
  TEXT_END,
  LAST_LINE_END,
  LINE_START,
  LINE_END,
  SEARCH_START,
  FOLLOW_NONE,
  FOLLOW_OFFSET,
} = op;

/** Integers of one entry on the stack of choices. */
const entryLength = 3;
/** 4 MB: more than a third of a million choices. */
const maxStackLength = entryLength * 0x55555;
/** Steps between two looks at the budget, at most; a small integer even where the budget is not one. */
const maxPortion = 0x3fff_ffff;

/** The patterns that are compiled from one source: without groups for speed, with groups where there are any. */
export interface RegexPrograms {
  readonly plain: RegexProgram;
  readonly capturing: RegexProgram;
}

/**
 * Runs programs by backtracking over a stack of choices. A step is an instruction, a character of a run, a choice taken up
 * or an entry of the stack moved: the budget bounds the time, `maxStackLength` the memory. One match at a time.
 *
 * An entry of the stack is a target, a position and -1; or, for a run, the target after it, its end, and the least end
 * that it may be cut back to; or ~register and the value that the register had before.
 */
export class BacktrackingRegex implements Regex {
  readonly pattern: string;
  readonly #programs: RegexPrograms;
  readonly #registers: Int32Array;
  #stack = new Int32Array(64 * entryLength);
  #start = -1;

  constructor(pattern: string, programs: RegexPrograms) {
    this.pattern = pattern;
    this.#programs = programs;
    this.#registers = new Int32Array(Math.max(programs.plain.registerCount, programs.capturing.registerCount));
  }

  get start(): number {
    return this.#start;
  }

  find(text: string, from: number, budget: StepBudget): number {
    return this.#search(this.#programs.plain, text, from, budget);
  }

  findAt(text: string, at: number, budget: StepBudget): number {
    if (at < 0 || at > text.length || splitsPair(text, at)) return -1;
    const end = this.#run(this.#programs.plain, text, at, at, budget);
    if (end >= 0) this.#start = at;
    return end;
  }

  match(text: string, from: number, budget: StepBudget): RegexMatch | undefined {
    const program = this.#programs.capturing;
    const registers = this.#registers;
    registers.fill(-1);
    const end = this.#search(program, text, from, budget);
    if (end < 0) return undefined;
    const groups: (string | undefined)[] = [text.slice(this.#start, end)];
    for (let slot = 2; slot < program.groupSlots; slot += 2) {
      groups.push(registers[slot + 1] < 0 ? undefined : text.slice(registers[slot], registers[slot + 1]));
    }
    return { start: this.#start, end, groups };
  }

  #search(program: RegexProgram, text: string, from: number, budget: StepBudget): number {
    const { firstTable, low, tables } = program;
    let start = Math.max(from, 0);
    if (splitsPair(text, start)) start++;
    const searchStart = start;
    for (; start <= text.length; start++) {
      if (firstTable !== undefined) {
        const before = start;
        for (; start < text.length; start++) {
          const unit = text.charCodeAt(start);
          if (unit < lowCodePoints) {
            if (low[firstTable * lowCodePoints + unit] !== 0) break;
          } else {
            const codePoint = text.codePointAt(start) ?? 0;
            if (tables[firstTable].has(codePoint)) break;
            if (codePoint > 0xffff) start++;
          }
        }
        budget.spend(start - before);
        if (start >= text.length) return -1;
      }
      const end = this.#run(program, text, start, searchStart, budget);
      if (end >= 0) {
        this.#start = start;
        return end;
      }
      if (isPairAt(text, start)) start++;
    }
    return -1;
  }

  /** The end of the match at `start`, or -1. */
  #run(program: RegexProgram, text: string, start: number, searchStart: number, budget: StepBudget): number {
    const { code, low, tables } = program;
    const { length } = text;
    const registers = this.#registers;
    let stack = this.#stack;
    let height = 0;
    let position = start;
    let at = 0; // index of the instruction
    let steps = 0;
    let portion = Math.min(budget.left, maxPortion);

    for (;;) {
      if (++steps > portion) {
        budget.spend(steps);
        steps = 0;
        portion = Math.min(budget.left, maxPortion);
      }
      if (height + entryLength > stack.length) stack = this.#growStack();

      // An instruction that matches goes on with `continue`; `break` leads to the choice that was left last.
      const operation = code[at];
      switch (operation) {
        case BRANCH:
        case SKIP: {
          if (!isOf(text, position, code[at + 1], low, tables)) {
            at = code[at + 2];
            continue;
          }
          if (operation === BRANCH) {
            stack[height] = code[at + 2];
            stack[height + 1] = position;
            stack[height + 2] = -1;
            height += entryLength;
          }
          at += 3;
          continue;
        }
        case RUN: {
          const table = code[at + 1];
          const least = code[at + 2];
          const most = code[at + 3];
          const base = table * lowCodePoints;
          const begin = position;
          let leastEnd = least === 0 ? position : -1;
          let count = 0;
          while (count < most && position < length) {
            const unit = text.charCodeAt(position);
            if (unit < lowCodePoints) {
              if (low[base + unit] === 0) break;
              position++;
            } else {
              const codePoint = text.codePointAt(position) ?? 0;
              if (!tables[table].has(codePoint)) break;
              position += codePoint > 0xffff ? 2 : 1;
            }
            if (++count === least) leastEnd = position;
          }
          steps += position - begin;
          if (count < least) break;
          at += 5;
          if (position > leastEnd && code[at + FOLLOW_OFFSET] !== FOLLOW_NONE) {
            stack[height] = at;
            stack[height + 1] = position;
            stack[height + 2] = leastEnd;
            height += entryLength;
          }
          continue;
        }
        case CHAR:
          if (position >= length || text.charCodeAt(position) !== code[at + 1]) break;
          position++;
          at += 2;
          continue;
        case SET:
          if (!isOf(text, position, code[at + 1], low, tables)) break;
          position += isPairAt(text, position) ? 2 : 1;
          at += 2;
          continue;
        case MATCH:
          budget.spend(steps);
          return position;
        case PEEK:
          if (isOf(text, position, code[at + 1], low, tables) !== (code[at + 2] === 1)) break;
          at += 3;
          continue;
        case JUMP:
          at = code[at + 1];
          continue;
        case FORK:
        case FORK_AHEAD: {
          const target = code[at + 1];
          at += 2;
          stack[height] = operation === FORK ? target : at;
          stack[height + 1] = position;
          stack[height + 2] = -1;
          height += entryLength;
          if (operation === FORK_AHEAD) at = target;
          continue;
        }
        case SAVE: {
          const register = code[at + 1];
          stack[height] = ~register;
          stack[height + 1] = registers[register];
          height += entryLength;
          registers[register] = position;
          at += 2;
          continue;
        }
        case LEAVE_IF_EMPTY:
          at = registers[code[at + 1]] === position ? code[at + 2] : at + 3;
          continue;
        case ENTER:
          registers[code[at + 1]] = height;
          registers[code[at + 1] + 1] = position;
          at += 2;
          continue;
        case COMMIT: {
          // Choices go, but what undoes a register stays: a choice from before may still be taken.
          const bottom = registers[code[at + 1]];
          steps += height - bottom;
          let kept = bottom;
          for (let entry = bottom; entry < height; entry += entryLength) {
            if (stack[entry] >= 0) continue;
            stack[kept] = stack[entry];
            stack[kept + 1] = stack[entry + 1];
            kept += entryLength;
          }
          height = kept;
          at += 2;
          continue;
        }
        case REWIND:
          position = registers[code[at + 1] + 1];
          at += 2;
          continue;
        case REFUTE: {
          const bottom = registers[code[at + 1]];
          steps += height - bottom;
          while (height > bottom) {
            height -= entryLength;
            if (stack[height] < 0) registers[~stack[height]] = stack[height + 1];
          }
          break;
        }
        case RETURNED:
          if (position !== registers[code[at + 1] + 1]) break;
          at += 2;
          continue;
        case BACK: {
          let left = code[at + 1];
          steps += left;
          for (; left > 0 && position > 0; left--) position -= isPairAt(text, position - 2) ? 2 : 1;
          if (left > 0) break;
          at += 2;
          continue;
        }
        case PEEK_BACK:
          if (isOfBefore(text, position, code[at + 1], low, tables) !== (code[at + 2] === 1)) break;
          at += 3;
          continue;
        case BORDER: {
          const table = code[at + 1];
          const isBorder = isOfBefore(text, position, table, low, tables) !== isOf(text, position, table, low, tables);
          if (isBorder !== (code[at + 2] === 1)) break;
          at += 3;
          continue;
        }
        case TEXT_START:
          if (position !== 0) break;
          at++;
          continue;
        case TEXT_END:
          if (position !== length) break;
          at++;
          continue;
        case LAST_LINE_END:
          if (position < length - 1 || (position < length && text.charCodeAt(position) !== 0x0a)) break;
          at++;
          continue;
        case LINE_START:
          if (position > 0 && text.charCodeAt(position - 1) !== 0x0a) break;
          at++;
          continue;
        case LINE_END:
          if (position < length && text.charCodeAt(position) !== 0x0a) break;
          at++;
          continue;
        case SEARCH_START:
          if (position !== searchStart) break;
          at++;
          continue;
      }

      for (;;) {
        if (height === 0) {
          budget.spend(steps);
          return -1;
        }
        steps++;
        const entry = height - entryLength;
        const target = stack[entry];
        if (target < 0) {
          registers[~target] = stack[entry + 1];
          height = entry;
          continue;
        }
        at = target;
        position = stack[entry + 1];
        const leastEnd = stack[entry + 2];
        if (leastEnd < 0) {
          height = entry;
          break;
        }
        // A run gives back a character, and more until what follows can begin.
        const follow = code[target + FOLLOW_OFFSET];
        const end = position;
        do position -= position - 2 >= leastEnd && isPairAt(text, position - 2) ? 2 : 1;
        while (position > leastEnd && follow >= 0 && !isOf(text, position, follow, low, tables));
        steps += end - position;
        if (position > leastEnd) stack[entry + 1] = position;
        else height = entry;
        break;
      }
    }
  }

  #growStack(): Int32Array<ArrayBuffer> {
    if (this.#stack.length >= maxStackLength) {
      throw new UnsupportedError(`regular expression ${quote(this.pattern)}: a match needs more than 4 MB of memory`);
    }
    const grown = new Int32Array(Math.min(2 * this.#stack.length, maxStackLength));
    grown.set(this.#stack);
    this.#stack = grown;
    return grown;
  }
}

/** Whether the character at `position` is of the table; there is none at the end of the text. */
function isOf(text: string, position: number, table: number, low: Uint8Array, tables: RegexProgram["tables"]): boolean {
  if (position >= text.length) return false;
  const unit = text.charCodeAt(position);
  if (unit < lowCodePoints) return low[table * lowCodePoints + unit] !== 0;
  return tables[table].has(text.codePointAt(position) ?? 0);
}

function isOfBefore(
  text: string,
  position: number,
  table: number,
  low: Uint8Array,
  tables: RegexProgram["tables"],
): boolean {
  if (position === 0) return false;
  return isOf(text, isPairAt(text, position - 2) ? position - 2 : position - 1, table, low, tables);
}

/** Whether a surrogate pair begins here. */
function isPairAt(text: string, position: number): boolean {
  return (text.charCodeAt(position) & 0xfc00) === 0xd800 && (text.charCodeAt(position + 1) & 0xfc00) === 0xdc00;
}

function splitsPair(text: string, position: number): boolean {
  return position > 0 && position < text.length && isPairAt(text, position - 1);
}
