import { LayerTooLargeError } from './errors.js';

/** How much one tar may ask of us. */
export interface TarLimits {
  /** Unpacked bytes. */
  maxBytes: number;
  /** Unpacked to packed, looked at only beyond `ratioFromBytes`. */
  maxRatio: number;
  ratioFromBytes: number;
  maxEntries: number;
  /** Of names and of link targets, each. */
  maxNameBytes: number;
  /** Of all PAX records that apply to one entry. */
  maxPaxBytes: number;
}

export type LayerLimits = Partial<TarLimits>;

/** Far above what real images have, far below what hurts. */
export const defaultTarLimits: TarLimits = {
  maxBytes: 200 * 1024 ** 3,
  maxRatio: 200,
  ratioFromBytes: 100_000_000,
  maxEntries: 2_000_000,
  maxNameBytes: 4096,
  maxPaxBytes: 1024 * 1024,
};

/** What a running count is held against, and where the reader stands. */
export interface Meter {
  packedBytes(): number;
  entry(): string | null;
}

/** Passes plain bytes on and stops a stream that grows beyond its limits. */
export async function* withinLimits(
  chunks: AsyncIterable<Buffer>,
  limits: TarLimits,
  meter: Meter,
): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > limits.maxBytes)
      throw new LayerTooLargeError(`unpacks to more than ${limits.maxBytes} bytes`, meter.entry());
    const packed = meter.packedBytes();
    if (packed > 0 && total > limits.ratioFromBytes && total > packed * limits.maxRatio) {
      throw new LayerTooLargeError(`unpacks to more than ${limits.maxRatio} times its size`, meter.entry());
    }
    yield chunk;
  }
}
