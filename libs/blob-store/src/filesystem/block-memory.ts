// Memory for direct writes begins at a multiple of the disk's block. Node does not say where a buffer lies; the memory of
// WebAssembly lies at the beginning of a page.
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const arenaBytes = 8 * 1024 * 1024;
const pageBytes = 64 * 1024;

/** Disks have blocks of 512 or 4096 bytes. */
export const blockBytes = 4096;

/** The size of a lent buffer. */
export const lentBytes = 512 * 1024;

const idle: Buffer[] = [];

/** Memory of 512 KiB at a block's beginning; given back when it is not needed any more. */
export function lendBlocks(): Buffer {
  if (idle.length === 0) idle.push(...newArena());
  return idle.pop() as Buffer;
}

/** Takes back what was lent, or the beginning of it. Kept: fresh memory costs more than a copy into memory that is warm. */
export function returnBlocks({ buffer, byteOffset }: Buffer): void {
  idle.push(Buffer.from(buffer, byteOffset, lentBytes));
}

function newArena(): Buffer[] {
  const pages = arenaBytes / pageBytes;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Array.from({ length: arenaBytes / lentBytes }, (_, index) =>
    Buffer.from(buffer, index * lentBytes, lentBytes),
  );
}
