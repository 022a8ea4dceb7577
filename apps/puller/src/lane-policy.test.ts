import { createMetrics } from '@entrepot/observability';
import { batchMinimum, mayStart, type SlotUse, transfersToStop } from './lane-policy.js';
import { observeTransfers } from './transfer-metrics.js';
import { TransferSlots } from './transfer-slots.js';

const use = (interactive: number[], batch: number[], stopping = 0): SlotUse => ({
  total: 4,
  interactive: { running: interactive[0] ?? 0, waiting: interactive[1] ?? 0 },
  batch: { running: batch[0] ?? 0, waiting: batch[1] ?? 0 },
  stopping,
});

describe('the lanes', () => {
  it.each([
    [1, 0],
    [2, 1],
    [4, 1],
    [18, 2],
  ])('keep of %i transfers %i for batches while others wait', (total, kept) => {
    expect(batchMinimum(total)).toBe(kept);
  });

  it('lend batches everything that is idle', () => {
    expect(mayStart('batch', use([0], [3, 1]))).toBe(true);
    expect(mayStart('batch', use([0], [4, 1]))).toBe(false);
  });

  it('let nobody else in front of those who wait, beyond the minimum of batches', () => {
    expect(mayStart('batch', use([2, 1], [1, 1]))).toBe(false);
    expect(mayStart('batch', use([3, 1], [0, 1]))).toBe(true);
    expect(mayStart('interactive', use([3, 1], [0, 1]))).toBe(false);
    expect(mayStart('interactive', use([3, 1], [0]))).toBe(true);
  });

  it('take back only what is needed, and never the last of batches', () => {
    expect(transfersToStop(use([0, 1], [4]))).toBe(1);
    expect(transfersToStop(use([0, 9], [4]))).toBe(3);
    expect(transfersToStop(use([0, 2], [4], 1))).toBe(1);
    expect(transfersToStop(use([3, 5], [1]))).toBe(0);
    expect(transfersToStop(use([0, 1], [3]))).toBe(0);
  });
});

describe('transfer slots', () => {
  const { signal } = new AbortController();

  it('ask the youngest batch transfer to give way, and take it back when somebody waits for that one too', async () => {
    const slots = new TransferSlots(2);
    const [first, second] = [await slots.take('batch', signal), await slots.take('batch', signal)];
    const urgent = slots.take('interactive', signal);
    expect([first.stopAskedAtMs, second.stopAskedAtMs]).toEqual([null, expect.any(Number)]);
    second.setLane('interactive');
    expect(second.stopAskedAtMs).toBeNull();
    second.release();
    await urgent;
    expect(first.stopAskedAtMs).toBeNull();
  });

  it('tell in numbers whom they were for, who gave way and who was raised', async () => {
    const metrics = createMetrics('test');
    const slots = new TransferSlots(2, observeTransfers(metrics));
    const [first, second] = [await slots.take('batch', signal), await slots.take('batch', signal)];
    first.count(100);
    const urgent = slots.take('interactive', signal);
    second.setLane('interactive');
    second.count(7);
    second.release();
    (await urgent).release();
    const { text } = await metrics.render();
    expect(text).toContain('entrepot_fetched_bytes_total{lane="batch",service="test"} 100');
    expect(text).toContain('entrepot_fetched_bytes_total{lane="interactive",service="test"} 7');
    expect(text).toContain('entrepot_preempted_transfers_total{service="test"} 1');
    expect(text).toContain('entrepot_raised_transfers_total{service="test"} 1');
    expect(text).toContain('entrepot_transfer_wait_seconds_count{service="test",lane="batch"} 2');
    expect(text).toContain('entrepot_transfer_wait_seconds_count{service="test",lane="interactive"} 1');
  });

  it('forget who gave up waiting', async () => {
    const slots = new TransferSlots(1);
    const only = await slots.take('batch', signal);
    const gone = new AbortController();
    const waiting = slots.take('batch', gone.signal);
    gone.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    only.release();
    (await slots.take('batch', signal)).release();
  });
});
