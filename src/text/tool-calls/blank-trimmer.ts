/** Leaves out the blanks around a text that comes in pieces; those behind it are kept for whoever asks. */
export class BlankTrimmer {
  #isTrimming: boolean;
  #held = "";

  /** `trimsStart` false: blanks before the text are part of it. */
  constructor(trimsStart: boolean) {
    this.#isTrimming = trimsStart;
  }

  /** What is certain to be inside. */
  push(text: string): string {
    const all = this.#held + (this.#isTrimming ? text.trimStart() : text);
    const inside = all.trimEnd();
    this.#held = all.slice(inside.length);
    if (inside !== "") this.#isTrimming = false;
    return inside;
  }

  /** The blanks at the end, which are forgotten. */
  takeEnd(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}
