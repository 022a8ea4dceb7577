// Latency of single HTTP calls.
import { get } from 'node:http';
import { median } from './measure.mjs';

/** Milliseconds until the first byte of a saved archive arrives. */
export function firstByte(entrepot, ref) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    get(`${entrepot.url}/images/get?names=${encodeURIComponent(ref)}`, (answer) => {
      answer.once('data', () => {
        resolve(performance.now() - started);
        answer.destroy();
      });
    }).on('error', reject);
  });
}

/** p50 and p99 of GET /images/json, whole and with a reference filter, a line each. */
export async function listLatency(entrepot) {
  const lines = [];
  for (const [pattern, count] of [
    ['bench/list50*', 200],
    ['bench/list500:17', 200],
    [undefined, 5],
  ]) {
    const query = pattern ? `?filters=${encodeURIComponent(JSON.stringify({ reference: [pattern] }))}` : '';
    const times = [];
    let found = 0;
    for (let i = 0; i < count; i += 1) {
      const started = performance.now();
      const answer = await fetch(`${entrepot.url}/images/json${query}`);
      const bytes = Buffer.from(await answer.arrayBuffer());
      times.push(performance.now() - started);
      if (i === 0) found = JSON.parse(bytes).length;
    }
    times.sort((a, b) => a - b);
    const p99 = times[Math.ceil(times.length * 0.99) - 1];
    const what = pattern ? `reference=${pattern}` : 'no filter';
    lines.push(
      `GET /images/json, ${what}: ${found} images, p50 ${median(times).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    );
  }
  return lines;
}
