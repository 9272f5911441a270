const widestBar = 30;
const narrowestBar = 5;

/**
 * "loading the model [=====>    ]  63 %" in less than `columns` characters: a line that wraps could not be drawn over. The bar
 * gives way first, then the words. `share` is what is done, from 0 to 1; NaN: nobody knows, and the words say all.
 */
export function progressLine(what: string, share: number, columns: number): string {
  if (Number.isNaN(share)) return what.slice(0, Math.max(0, columns - 1));
  const done = Math.min(1, Math.max(0, share));
  const percent = `${String(Math.floor(100 * done)).padStart(3)} %`;
  const room = columns - 1 - percent.length;
  const bar = Math.min(widestBar, room - what.length - "  []".length);
  if (bar >= narrowestBar) return `${what} [${"=".repeat(Math.floor(bar * done)).padEnd(bar)}] ${percent}`;
  return what.length < room ? `${what} ${percent}` : percent.slice(0, Math.max(0, columns - 1));
}
