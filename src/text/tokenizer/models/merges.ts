/** Ids, by rank: `left` and `right` become `result`. */
export interface Merges {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly result: Int32Array;
}
