import { randomBytes } from 'node:crypto';
import { constants, mkdtempSync } from 'node:fs';
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchedFile } from './batched-file.js';

const folder = mkdtempSync(join(tmpdir(), 'entrepot-batches-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('BatchedFile', () => {
  it('writes chunks in their order, whatever their sizes and whatever becomes of them', async () => {
    const path = join(folder, 'order');
    const file = new BatchedFile(await open(path, 'w'), 0);
    const chunks = Array.from({ length: 5000 }, (_, index) => Buffer.from(`${index},`.repeat(1 + (index % 997))));
    for (const chunk of chunks) {
      const lent = Buffer.from(chunk);
      await file.append(lent);
      lent.fill('x');
    }
    await file.flush();
    await file.close();
    expect((await readFile(path)).equals(Buffer.concat(chunks))).toBe(true);
  });

  it('keeps about 4 MiB in memory at most, and makes the writer wait for the rest', async () => {
    const disk = new StuckDisk();
    const file = new BatchedFile(disk.handle, 0);
    let queuedBytes = 0;
    let room: void | Promise<void>;
    do {
      room = file.append(Buffer.alloc(65_536));
      queuedBytes += 65_536;
    } while (room === undefined);
    expect(queuedBytes).toBeLessThanOrEqual(4 * 1024 * 1024 + 65_536);
    disk.release();
    await room;
    await file.flush();
    expect(file.writtenBytes).toBe(queuedBytes);
  });

  it('goes on after a write that took only a part', async () => {
    const written: Buffer[] = [];
    const file = new BatchedFile(
      handleOf(async (bytes, position) => {
        expect(position).toBe(Buffer.concat(written).length);
        // The memory is used again afterwards.
        const taken = Buffer.from(bytes.subarray(0, 7));
        written.push(taken);
        return taken.length;
      }),
      0,
    );
    file.append(Buffer.from('abc'));
    file.append(Buffer.from('defghijkl'));
    file.append(Buffer.from('mnopqrstuvw'));
    await file.flush();
    expect(Buffer.concat(written).toString()).toBe('abcdefghijklmnopqrstuvw');
  });

  it('writes whole batches past the page cache, and what does not fill one through it', async () => {
    const path = join(folder, 'direct');
    const through = await open(path, 'w');
    const past = await open(path, constants.O_WRONLY | constants.O_DIRECT);
    const [buffered, direct] = [countWrites(through), countWrites(past)];
    const file = new BatchedFile(through, 0, past);
    const bytes = randomBytes(1_300_000);
    file.append(bytes);
    await file.flush();
    file.append(bytes);
    await file.flush();
    await file.close();
    expect((await readFile(path)).equals(Buffer.concat([bytes, bytes]))).toBe(true);
    expect(direct.sizes).toEqual([524_288, 524_288]);
    expect(buffered.sizes[0]).toBe(1_300_000 - 2 * 524_288);
  });

  it('goes on through the page cache where a filesystem takes no direct writes after all', async () => {
    const refused = Object.assign(new Error('invalid argument'), { code: 'EINVAL', syscall: 'write' });
    const path = join(folder, 'refused');
    const file = new BatchedFile(
      await open(path, 'w'),
      0,
      handleOf(() => Promise.reject(refused)),
    );
    const bytes = randomBytes(1_300_000);
    file.append(bytes);
    await file.flush();
    await file.close();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('fails for good with the first error, in every call', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' });
    const file = new BatchedFile(
      handleOf(() => Promise.reject(full)),
      0,
    );
    file.append(Buffer.from('abc'));
    await expect(file.flush()).rejects.toBe(full);
    await expect(file.append(Buffer.from('abc'))).rejects.toBe(full);
    await expect(file.flush()).rejects.toBe(full);
    expect(file.writtenBytes).toBe(0);
  });
});

function countWrites(handle: FileHandle): { sizes: number[] } {
  const sizes: number[] = [];
  const write = handle.write.bind(handle) as (...args: [Buffer, number, number, number]) => Promise<unknown>;
  handle.write = ((buffer: Buffer, from: number, bytes: number, position: number) => {
    sizes.push(bytes);
    return write(buffer, from, bytes, position);
  }) as never;
  return { sizes };
}

/** Real disks do not fail or stall when asked to. */
function handleOf(take: (bytes: Buffer, position: number) => Promise<number>): FileHandle {
  const write = async (buffer: Buffer, from: number, bytes: number, position: number) => ({
    bytesWritten: await take(buffer.subarray(from, from + bytes), position),
  });
  return { write, close: async () => {} } as unknown as FileHandle;
}

class StuckDisk {
  release = () => {};
  readonly #released = new Promise<void>((resolve) => {
    this.release = resolve;
  });
  readonly handle = handleOf(async (bytes) => {
    await this.#released;
    return bytes.length;
  });
}
