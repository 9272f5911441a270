/**
 * What programs are made of: a code and its operands, all of them 32-bit integers. `table` is an index into the program's
 * tables, `target` one into its code, `register` one into what a match remembers. "Leave a choice" means: come back here,
 * with everything as it was, if what follows fails. The numbers follow the order of their use, commonest first, because the
 * matcher asks in this order.
 */

/** table target: where the next character is of the table, leave the choice `target` and go on; else go to `target`. */
export const BRANCH = 0;
/**
 * table, least, most, follow: as many characters of the table as there are, down to `least` if what follows fails.
 * `follow` is the table of what can come next, or one of the two below.
 */
export const RUN = 1;
/** unit: one UTF-16 unit. */
export const CHAR = 2;
/** table: one character. */
export const SET = 3;
/** table target: as BRANCH, but leaves no choice. */
export const SKIP = 4;
export const MATCH = 5;
/** table wanted: whether the next character is of the table (at the end it is not) must be `wanted`, 0 or 1. */
export const PEEK = 6;
/** target */
export const JUMP = 7;
/** target: leave the choice `target` and go on. */
export const FORK = 8;
/** target: leave the choice of going on and go to `target`. */
export const FORK_AHEAD = 9;
/** register: remember the position, until a choice from before is taken. */
export const SAVE = 10;
/** register target: go to `target` if the position is still the one that was saved. */
export const LEAVE_IF_EMPTY = 11;
/** register: remember the position (in the next register) and how many choices there are. */
export const ENTER = 12;
/** register: drop all choices since ENTER. */
export const COMMIT = 13;
/** register: back to the position of ENTER. */
export const REWIND = 14;
/** register: drop all choices since ENTER, undo what they would have undone, and fail. */
export const REFUTE = 15;
/** register: fail unless the position is that of ENTER. */
export const RETURNED = 16;
/** count: this many characters back. */
export const BACK = 17;
/** table wanted: as PEEK, for the character before. */
export const PEEK_BACK = 18;
/** table wanted: whether one of both neighbours, but not the other, is of the table. */
export const BORDER = 19;
export const TEXT_START = 20;
export const TEXT_END = 21;
export const LAST_LINE_END = 22;
export const LINE_START = 23;
export const LINE_END = 24;
export const SEARCH_START = 25;

/** In place of RUN's `follow`: anything can come next, the end of the text too. */
export const FOLLOW_ANY = -1;
/** In place of RUN's `follow`: giving characters back never helps, because what follows begins with none of the table. */
export const FOLLOW_NONE = -2;
/** Where `follow` stands, seen from the instruction after RUN. */
export const FOLLOW_OFFSET = -1;
