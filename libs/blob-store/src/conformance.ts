import { describeEnding } from './conformance/ending.js';
import { describeReading } from './conformance/reading.js';
import { describeResuming } from './conformance/resuming.js';
import type { Store } from './conformance/steps.js';
import { describeStoring } from './conformance/storing.js';
import { InvalidStorageKeyError, newStorageKey } from './storage-key.js';

/**
 * What every blob store must do: one call in the test of each adapter. `open`
 * gives one more store object on the same bytes, as another process would have.
 */
export function describeBlobStore(name: string, open: () => Store): void {
  describe(`blob store: ${name}`, () => {
    describe('storing', () => describeStoring(open));
    describe('reading', () => describeReading(open));
    describe('ending', () => describeEnding(open));
    describe('resuming', () => describeResuming(open));
    describe('arguments', () => describeArguments(open));
  });
}

function describeArguments(open: () => Store): void {
  it.each(['', '/', 'a//b', '../a', 'a/../b', './a', 'a/.', '/etc/passwd', 'a/b/', 'a\\b', 'a\0b', 'a b', 'a+b', 'ä'])(
    'refuses %j as a key',
    async (key) => {
      const store = open();
      await expect(store.openUpload(key, 1)).rejects.toThrow(InvalidStorageKeyError);
      await expect(store.openUpload(key, 1, {})).rejects.toThrow(InvalidStorageKeyError);
      await expect(store.open(key)).rejects.toThrow(InvalidStorageKeyError);
      await expect(store.delete(key)).rejects.toThrow(InvalidStorageKeyError);
    },
  );

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d as a size', async (sizeBytes) => {
    await expect(open().openUpload(newStorageKey(), sizeBytes)).rejects.toThrow(RangeError);
  });
}
