// What the bench prints and writes: a table and a ratio per promise, JSON, and a chart.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Prints one group of results with each peer's ratio to ours and whether its bound holds. */
export function printGroup({ title, results, bounds = {} }) {
  console.log(`\n## ${title}\n`);
  console.log('| case | wall s (min–max) | CPU s | ours ÷ it | bound |');
  console.log('|---|---|---|---|---|');
  const mine = results.find((result) => result.ours);
  for (const result of results) {
    const ratio = result.ours ? '' : (mine.wall / result.wall).toFixed(2);
    const bound = bounds[result.name];
    const verdict = bound === undefined ? '' : `≤ ${bound} ${mine.wall / result.wall <= bound ? 'holds' : 'MISSED'}`;
    const range = `${result.wall.toFixed(3)} (${result.min.toFixed(3)}–${result.max.toFixed(3)})`;
    console.log(`| ${result.name} | ${range} | ${result.cpu?.toFixed(2) ?? ''} | ${ratio} | ${verdict} |`);
  }
}

/** Writes results.json and chart.svg into `folder`. */
export function writeReport(folder, report) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(folder, 'chart.svg'), chart(report.groups));
  console.log(`\nwritten: ${join(folder, 'results.json')}, chart.svg`);
}

/** Horizontal bars, one block per group, each scaled to its slowest. */
function chart(groups) {
  const rowHeight = 22;
  const width = 860;
  const rows = [];
  let y = 10;
  for (const { title, results } of groups) {
    y += 26;
    rows.push(text(10, y, title, 'font-weight="bold"'));
    const slowest = Math.max(...results.map((result) => result.wall));
    for (const { name, ours, wall } of results) {
      y += rowHeight;
      const length = Math.max(2, (wall / slowest) * 430);
      rows.push(text(10, y, name));
      rows.push(
        `<rect x="300" y="${y - 12}" width="${length.toFixed(1)}" height="15" fill="${ours ? '#0b7285' : '#adb5bd'}"/>`,
      );
      rows.push(text(306 + length, y, `${wall.toFixed(wall < 1 ? 3 : 2)} s`));
    }
    y += 10;
  }
  const style = 'font-family="sans-serif" font-size="13"';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 16}" ${style}>\n<rect width="100%" height="100%" fill="white"/>\n${rows.join('\n')}\n</svg>\n`;
}

const text = (x, y, content, more = '') =>
  `<text x="${Number(x).toFixed(1)}" y="${y}" ${more}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
