import type { FileProgress, OnLoadProgress } from "../util/load-progress.ts";
import { megabytes } from "./megabytes.ts";
import type { Terminal } from "./terminal.ts";

/** One bar for each file under way and one for all of them; where nobody looks, a line for each file that is there. */
export function downloadBars(terminal: Terminal): OnLoadProgress {
  const draw = terminal.bars();
  const underWay = new Map<string, FileProgress>();
  return ({ bytesDone, bytesTotal, file }) => {
    if (file === undefined) return;
    const { name, bytesTotal: size = 0 } = file;
    if (file.bytesDone < size) underWay.set(name, file);
    else {
      underWay.delete(name);
      terminal.note(`${name}  ${megabytes(size)}`);
    }
    if (draw === undefined || bytesTotal === undefined || bytesDone === bytesTotal) return;
    const bars = [...underWay.values()].map(({ name, bytesDone, bytesTotal }) => ({
      what: `${name}  ${megabytes(bytesDone)}`,
      share: bytesDone / (bytesTotal ?? NaN),
    }));
    draw([...bars, { what: `${megabytes(bytesDone)} of ${megabytes(bytesTotal)}`, share: bytesDone / bytesTotal }]);
  };
}
