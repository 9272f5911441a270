import type { OnLoadProgress } from "../util/load-progress.ts";
import type { RepositoryFile } from "./repository-file.ts";

/** A terminal cannot show more, and each event costs its listener some time. */
const intervalMs = 50;

/** Adds up what the files of one download have reached. A file that begins anew counts when it gets beyond what it had. */
export class DownloadProgress {
  readonly #onProgress: OnLoadProgress;
  readonly #bytesTotal: number;
  readonly #bytesOf = new Map<RepositoryFile, number>();
  readonly #now: () => number;
  #bytesDone = 0;
  #lastEventMs = -Infinity;

  constructor(files: readonly RepositoryFile[], onProgress: OnLoadProgress, now = () => performance.now()) {
    this.#onProgress = onProgress;
    this.#now = now;
    this.#bytesTotal = files.reduce((sum, { size }) => sum + size, 0);
    onProgress({ phase: "download", bytesDone: 0, bytesTotal: this.#bytesTotal });
  }

  /** A file has got this far. Ends of files are always told, what is between only now and then. */
  reached(file: RepositoryFile, bytesDone: number): void {
    const before = this.#bytesOf.get(file);
    if (before !== undefined && bytesDone <= before) return;
    this.#bytesOf.set(file, bytesDone);
    this.#bytesDone += bytesDone - (before ?? 0);
    const now = this.#now();
    if (bytesDone < file.size && now - this.#lastEventMs < intervalMs) return;
    this.#lastEventMs = now;
    this.#onProgress({
      phase: "download",
      bytesDone: this.#bytesDone,
      bytesTotal: this.#bytesTotal,
      file: { name: file.path, bytesDone, bytesTotal: file.size },
    });
  }
}
