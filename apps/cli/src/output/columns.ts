const minWidth = 10;
const padding = 3;

/** Aligns cells as docker's lists are: columns of at least ten characters, three spaces between, the last one ragged. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(minWidth, ...rows.map((row) => lengthOf(row[column] ?? '') + padding)),
  );
  return rows.map((row) => `${alignRow(row, widths)}\n`).join('');
}

function alignRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => {
      if (column === row.length - 1) return cell;
      return cell + ' '.repeat((widths[column] ?? 0) - lengthOf(cell));
    })
    .join('');
}

function lengthOf(text: string): number {
  return [...text].length;
}
