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

/** p50 and p99 of GET /images/json, whole and with a reference filter. */
export async function apiLatency(entrepot, say) {
  const filter = encodeURIComponent(JSON.stringify({ reference: ['bench/list50*'] }));
  for (const path of ['/images/json', `/images/json?filters=${filter}`]) {
    const times = [];
    for (let i = 0; i < 100; i += 1) {
      const started = performance.now();
      await (await fetch(`${entrepot.url}${path}`)).arrayBuffer();
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    say(`GET ${decodeURIComponent(path)}: p50 ${median(times).toFixed(1)} ms, p99 ${times[98].toFixed(1)} ms`);
  }
}
