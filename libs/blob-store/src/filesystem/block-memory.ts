// Memory for direct writes begins at a multiple of the disk's block. Node does not say where a buffer lies; the memory of
// WebAssembly lies at the beginning of a page.
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const pageBytes = 64 * 1024;
/** Kept between files: fresh memory costs more than copying into memory that is warm. */
const maxIdle = 32;

/** Disks have blocks of 512 or 4096 bytes. */
export const blockBytes = 4096;

/** The size of a lent buffer. */
export const lentBytes = 512 * 1024;

const idle: Buffer[] = [];

/** Memory of 512 KiB at a block's beginning; given back when it is not needed any more. */
export function lendBlocks(): Buffer {
  return idle.pop() ?? newBlocks();
}

/** Takes back what was lent, or the beginning of it. */
export function returnBlocks({ buffer }: Buffer): void {
  if (idle.length < maxIdle) idle.push(Buffer.from(buffer));
}

function newBlocks(): Buffer {
  const pages = lentBytes / pageBytes;
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}
