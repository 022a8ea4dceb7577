const sizeUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** How far something is, in bytes. */
export interface ByteProgress {
  current: number;
  total: number;
}

/** The bar that Docker puts beside `progressDetail` for old clients: `[====>    ]  32.77kB/1.028MB`. */
export function progressText({ current, total }: ByteProgress): string {
  const done = Math.min(50, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const bar = `[${'='.repeat(done)}>${' '.repeat(50 - done)}] `;
  const numbers = humanSize(current).padStart(8);
  return current > total ? bar + numbers : `${bar}${numbers}/${humanSize(total)}`;
}

/** Docker's sizes: powers of 1000, four digits. */
export function humanSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < sizeUnits.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${Number(size.toPrecision(4))}${sizeUnits[unit]}`;
}
