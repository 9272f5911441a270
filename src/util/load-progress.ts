/**
 * What becomes of a model's bytes. "download" comes first, where the model is not here yet; then "read" and "prepare" (weights from
 * the files, and into the form that the device's kernels take) take turns, and "tokenizer" happens beside them.
 */
export type LoadPhase = "download" | "read" | "prepare" | "tokenizer";

/** How far one phase of loading is. Plain data. */
export interface LoadProgress {
  readonly phase: LoadPhase;
  /** Bytes of the files; never fewer than before in the same phase, whose end they reach with bytesTotal. */
  readonly bytesDone: number;
  /** Undefined: not known (yet). */
  readonly bytesTotal: number | undefined;
  /** The file that has just got on, where a phase goes through several of them side by side: a download. */
  readonly file?: FileProgress;
}

export interface FileProgress {
  /** Relative to the model's folder. */
  readonly name: string;
  readonly bytesDone: number;
  readonly bytesTotal: number | undefined;
}

/** Whoever does the work tells of it as it goes; absent: nobody asked, and nothing is counted. */
export type OnLoadProgress = (progress: LoadProgress) => void;
