/** A token that is found in text before the model sees it. */
export interface AddedToken {
  readonly id: number;
  /** Not empty. */
  readonly content: string;
  /** Whether it steers the model instead of being text. */
  readonly special: boolean;
  /** Whether it is looked for, normalized itself, in the normalized text. */
  readonly normalized: boolean;
  /** Whether white space before it, and behind it, belongs to it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Whether it counts only where no word character touches it. */
  readonly singleWord: boolean;
}
