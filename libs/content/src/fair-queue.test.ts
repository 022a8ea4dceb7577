import type { BacklogBatch } from '@entrepot/database';
import { batchWeight, chooseItems } from './fair-queue.js';

const mebibyte = 1024 * 1024;
const anywhere = new Map<string, number>();
const unlimited = { ownerBytes: Number.POSITIVE_INFINITY, startedBytes: new Map<string, number>() };

const batchOf = (batchId: string, owner: string, items: number, change: Partial<BacklogBatch> = {}): BacklogBatch => ({
  ...{ batchId, owner, priority: 'normal', ownerTime: null, batchTime: null, idleMs: 0 },
  items: Array.from({ length: items }, (_, index) => ({
    ...{ position: index + 1, reference: `h/${batchId}:${index}`, platform: null, host: 'h' },
    ...{ missingBytes: mebibyte, missingLayers: 1 },
  })),
  ...change,
});

/** Many rounds, each from where the one before left off; how many items of each batch were started. */
function serve(backlog: BacklogBatch[], rounds: number, perRound = 4): Record<string, number> {
  const started: Record<string, number> = {};
  let current = backlog;
  for (let round = 0; round < rounds; round++) {
    const choice = chooseItems(current, { transfers: perRound, byHost: anywhere, ...unlimited });
    for (const { batchId } of choice.items) started[batchId] = (started[batchId] ?? 0) + 1;
    current = current
      .map((batch) => ({
        ...batch,
        ownerTime: choice.ownerTimes.get(batch.owner) ?? null,
        batchTime: choice.batchTimes.get(batch.batchId) ?? batch.batchTime,
        items: batch.items.filter(
          ({ position }) => !choice.items.some((item) => item.batchId === batch.batchId && item.position === position),
        ),
      }))
      .filter(({ items }) => items.length > 0);
  }
  return started;
}

describe('the fair queue', () => {
  it('gives two owners the same bytes, whatever the length of their backlogs', () => {
    const started = serve([batchOf('long', 'a', 1000), batchOf('short', 'b', 100)], 40);
    expect(started).toEqual({ long: 80, short: 80 });
  });

  it('lets no owner have more under way than he may, but for one item, and others have the room', () => {
    const backlog = [batchOf('large', 'a', 100), batchOf('small', 'b', 2)];
    const room = { transfers: 20, byHost: anywhere, ownerBytes: 3 * mebibyte };
    const fresh = chooseItems(backlog, { ...room, startedBytes: new Map() }).items.map(({ batchId }) => batchId);
    expect(fresh.toSorted()).toEqual(['large', 'large', 'large', 'small', 'small']);
    const full = chooseItems(backlog, { ...room, startedBytes: new Map([['a', 3 * mebibyte]]) }).items;
    expect(full.map(({ batchId }) => batchId)).toEqual(['small', 'small']);
    for (const item of backlog[0]?.items ?? []) item.missingBytes = 100 * mebibyte;
    const huge = chooseItems([backlog[0] as BacklogBatch], { ...room, startedBytes: new Map() }).items;
    expect(huge).toHaveLength(1);
  });

  it('counts bytes, not images', () => {
    const heavy = batchOf('heavy', 'a', 100);
    for (const item of heavy.items) item.missingBytes = 10 * mebibyte;
    const started = serve([heavy, batchOf('light', 'b', 1000)], 110, 1);
    expect(started).toEqual({ heavy: 10, light: 100 });
  });

  it('gives an owner no more for having more batches', () => {
    const started = serve([...'xyz'].map((id) => batchOf(id, 'a', 100)).concat(batchOf('one', 'b', 100)), 30);
    expect(started).toEqual({ x: 20, y: 20, z: 20, one: 60 });
  });

  it('serves batches of one owner by their priority', () => {
    const started = serve([batchOf('high', 'a', 500, { priority: 'high' }), batchOf('normal', 'a', 500)], 50);
    expect(started).toEqual({ high: 160, normal: 40 });
  });

  it('gives no credit for having slept', () => {
    const late = batchOf('late', 'b', 100);
    const busy = batchOf('busy', 'a', 100, { ownerTime: 50 * mebibyte, batchTime: 50 * mebibyte });
    expect(serve([busy, late], 10)).toEqual({ busy: 20, late: 20 });
  });

  it('lets nobody starve: who was not served gains weight after five minutes', () => {
    expect(batchWeight('low', 5 * 60_000)).toBe(0.2);
    expect(batchWeight('low', 10 * 60_000)).toBeCloseTo(1.2);
    expect(batchWeight('low', 3_600_000)).toBeCloseTo(3.2);
  });

  it('passes over what a registry has no room for', () => {
    const mixed = batchOf('mixed', 'a', 4);
    for (const item of mixed.items.slice(0, 3)) item.host = 'slow';
    const { items } = chooseItems([mixed], { transfers: 10, byHost: new Map([['slow', 1]]), ...unlimited });
    expect(items.map(({ position }) => position)).toEqual([1, 4]);
  });

  it('starts an image that is larger than the room, and nothing after it', () => {
    const large = batchOf('large', 'a', 2);
    for (const item of large.items) item.missingLayers = 50;
    expect(chooseItems([large], { transfers: 8, byHost: anywhere, ...unlimited }).items).toHaveLength(1);
    expect(chooseItems([large], { transfers: 0, byHost: anywhere, ...unlimited }).items).toEqual([]);
  });
});
