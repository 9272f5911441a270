import type { OnLoadProgress } from "../util/load-progress.ts";
import type { Terminal } from "./terminal.ts";

/** A line of progress while a model's weights come; undefined where nobody looks. */
export function loadingProgress(terminal: Terminal): OnLoadProgress | undefined {
  const show = terminal.progress("loading the model");
  return (
    show &&
    (({ phase, bytesDone, bytesTotal }) => {
      if (phase === "prepare" && bytesTotal !== undefined) show(bytesDone, bytesTotal);
    })
  );
}
