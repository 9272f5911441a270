import pc from "picocolors";
import type { OutputFlags } from "./flags/output-flags.ts";
import { progressLine } from "./progress-line.ts";
import { readableWidth } from "./readable-width.ts";
import { visibleControls } from "./visible-controls.ts";

/** Draws how much of a whole is done; the whole may not be known. */
export type ShowProgress = (done: number, total: number | undefined) => void;

/** Lines of progress that stand on stderr, the last without its end. */
let openLines = 0;

/** Takes away what progress has drawn: before anything else is written to stderr, an error that ends the program included. */
export function clearProgress(): void {
  if (openLines === 1) process.stderr.write("\r\x1b[K");
  else if (openLines > 1) process.stderr.write(`\x1b[${openLines - 1}A\r\x1b[J`);
  openLines = 0;
}

/** One of several lines of progress; `share` as in progressLine. */
export interface Bar {
  readonly what: string;
  readonly share: number;
}

/** Where a command's words go: results to stdout, all else to stderr, as much of it as the flags want. */
export class Terminal {
  /** For text on stdout: plain where that is no terminal, or NO_COLOR is set. */
  readonly colors: ReturnType<typeof pc.createColors>;
  readonly #errorColors: ReturnType<typeof pc.createColors>;
  readonly #isQuiet: boolean;
  readonly #isVerbose: boolean;

  constructor({ quiet = false, verbose = false }: OutputFlags) {
    this.colors = pc.createColors(hasColors(process.stdout));
    this.#errorColors = pc.createColors(hasColors(process.stderr));
    this.#isQuiet = quiet;
    this.#isVerbose = verbose && !quiet;
  }

  /** A piece of the result. */
  write(text: string): void {
    clearProgress();
    process.stdout.write(text);
  }

  /** What a model or a file says: a terminal is not to obey it, a pipe gets it as it is. */
  writeForeign(text: string): void {
    this.write(process.stdout.isTTY ? visibleControls(text) : text);
  }

  /** A line of the result. */
  print(line: string): void {
    this.write(`${line}\n`);
  }

  /** The one value of `--json`. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value));
  }

  /** Something is odd. Fits where a Warn is asked for. */
  readonly warn = (message: string): void => {
    if (!this.#isQuiet) this.#say(`fewbit: ${message}`);
  };

  /** What a user may want to know beside the result. */
  note(line: string): void {
    if (!this.#isQuiet) this.#say(line);
  }

  /** Characters of a line of notes. */
  get noteWidth(): number {
    return readableWidth(process.stderr);
  }

  /** A note that must not draw the eye from the result. */
  remark(line: string): void {
    if (!this.#isQuiet) this.#say(line, this.#errorColors.dim);
  }

  /** For `--verbose`. */
  detail(line: string): void {
    if (this.#isVerbose) this.#say(line);
  }

  /** For `--verbose`, and for whoever sits at a terminal. */
  summary(line: string): void {
    if (this.#isVerbose || process.stderr.isTTY) this.remark(line);
  }

  /**
   * A bar on one line of a terminal; undefined where nobody looks. It disappears when it is full, or something else is written.
   * `amount` spells how much is done, where that says more than a share.
   */
  progress(what: string, amount?: (done: number) => string): ShowProgress | undefined {
    if (this.#isQuiet || !process.stderr.isTTY) return undefined;
    let shown = "";
    return (done, total = NaN) => {
      const line = progressLine(amount ? `${what} ${amount(done)}` : what, done / total, process.stderr.columns);
      if (line !== shown) process.stderr.write(`\r\x1b[K${line}`);
      shown = line;
      openLines = 1;
      if (done >= total) clearProgress();
    };
  }

  /** Several bars below each other, drawn anew at each call; undefined where nobody looks. They disappear as `progress` does. */
  bars(): ((lines: readonly Bar[]) => void) | undefined {
    if (this.#isQuiet || !process.stderr.isTTY) return undefined;
    return (bars) => {
      const { columns, rows } = process.stderr;
      // What has scrolled away could not be drawn over.
      const lines = bars.slice(-Math.max(1, rows - 1)).map(({ what, share }) => progressLine(what, share, columns));
      clearProgress();
      process.stderr.write(lines.join("\n"));
      openLines = lines.length;
    };
  }

  /** Paths and variables of the environment, which messages name, are not to rule the terminal either. */
  #say(line: string, paint = (text: string) => text): void {
    clearProgress();
    process.stderr.write(`${paint(visibleControls(line))}\n`);
  }
}

/** https://no-color.org: any value that is not empty. */
function hasColors(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
}
