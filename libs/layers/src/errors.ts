import type { Compression } from './compression.js';

/** A layer is not a tar that can be understood; `entry` is the last one that was read. */
export class InvalidLayerError extends Error {
  override readonly name = 'InvalidLayerError';
  readonly code = 'INVALID_LAYER' as const;
  readonly retryable = false;

  constructor(
    readonly reason: string,
    readonly entry: string | null = null,
    options?: ErrorOptions,
  ) {
    super(
      entry === null ? `invalid layer: ${reason}` : `invalid layer: ${reason} (at entry ${printable(entry)})`,
      options,
    );
  }
}

/** Bytes that are no tar, or a tar that ends too early; `entry` is the last one that was met. */
export class InvalidTarError extends Error {
  override readonly name = 'InvalidTarError';
  readonly code = 'INVALID_TAR' as const;
  readonly retryable = false;

  constructor(
    readonly problem: 'cut' | 'malformed',
    readonly entry: string | null,
    options?: ErrorOptions,
  ) {
    const what = problem === 'cut' ? 'tar ends unexpectedly' : 'invalid tar header';
    super(entry === null ? what : `${what} (at entry ${printable(entry)})`, options);
  }
}

/** A layer or archive unpacks to more than anybody may ask for: size, ratio, entries or names. */
export class LayerTooLargeError extends Error {
  override readonly name = 'LayerTooLargeError';
  readonly code = 'LAYER_TOO_LARGE' as const;
  readonly retryable = false;

  constructor(
    readonly reason: string,
    readonly entry: string | null = null,
  ) {
    super(entry === null ? reason : `${reason} (at entry ${printable(entry)})`);
  }
}

/** A name in a tar that would leave the tree it belongs to. */
export class UnsafePathError extends Error {
  override readonly name = 'UnsafePathError';
  readonly code = 'UNSAFE_PATH' as const;
  readonly retryable = false;

  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`unsafe path ${printable(path)}: ${reason}`);
  }
}

/** A compression that is recognised and not decoded here. */
export class UnsupportedCompressionError extends Error {
  override readonly name = 'UnsupportedCompressionError';
  readonly code = 'UNSUPPORTED_COMPRESSION' as const;
  readonly retryable = false;

  constructor(
    readonly compression: Compression,
    reason = 'only gzip and zstd are',
    options?: ErrorOptions,
  ) {
    super(`${compression} compression is not supported: ${reason}`, options);
  }
}

/** Compressed bytes that end too early or do not decode. */
export class CorruptStreamError extends Error {
  override readonly name = 'CorruptStreamError';
  readonly code = 'CORRUPT_STREAM' as const;
  readonly retryable = false;

  constructor(
    readonly compression: Compression,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`corrupt ${compression} stream: ${reason}`, options);
  }
}

/** A stored index of a layer cannot be read; it is to be made again. */
export class InvalidIndexError extends Error {
  override readonly name = 'InvalidIndexError';
  readonly code = 'INVALID_INDEX' as const;
  readonly retryable = false;

  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`invalid layer index: ${reason}`, options);
  }
}

/** A path that symlinks lead around in circles. */
export class SymlinkLoopError extends Error {
  override readonly name = 'SymlinkLoopError';
  readonly code = 'SYMLINK_LOOP' as const;
  readonly retryable = false;

  constructor(readonly path: string) {
    super(`${printable(path)}: too many levels of symbolic links`);
  }
}

/** Names come from strangers: quoted when they are not plain, cut when they are long. */
function printable(name: string): string {
  const short = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return /^[\x21-\x7e…]*$/.test(short) && short !== '' ? short : JSON.stringify(short);
}
