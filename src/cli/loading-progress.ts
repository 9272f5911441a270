import type { OnLoadProgress } from "../util/load-progress.ts";
import { megabytes } from "./megabytes.ts";
import type { Terminal } from "./terminal.ts";

/** A bar while a model is fetched, and one while its weights come; undefined where nobody looks. */
export function loadingProgress(terminal: Terminal): OnLoadProgress | undefined {
  const show = terminal.progress("loading the model");
  const showDownload = terminal.progress("downloading", megabytes);
  if (show === undefined || showDownload === undefined) return undefined;
  return ({ phase, bytesDone, bytesTotal }) => {
    if (phase === "download") showDownload(bytesDone, bytesTotal);
    else if (phase === "prepare") show(bytesDone, bytesTotal);
  };
}
