import { stripVTControlCharacters } from "node:util";

export type Alignment = "left" | "right";

/** Rows as lines, two blanks between columns; no blanks at the end of a line. Colours take no room. */
export function formatTable(rows: readonly (readonly string[])[], alignments: readonly Alignment[]): string {
  const width = (text: string): number => [...stripVTControlCharacters(text)].length;
  const widths = alignments.map((_, column) => Math.max(0, ...rows.map((row) => width(row[column] ?? ""))));
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const gap = " ".repeat(widths[column] - width(cell));
          return alignments[column] === "right" ? gap + cell : cell + gap;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
