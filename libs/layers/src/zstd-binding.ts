/**
 * The zstd decoder for Node 20, which has none of its own. The addon can register only once in a process (it is not
 * context-aware), yet every worker thread needs it: whoever comes second loads a private copy of the library file.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UnsupportedCompressionError } from './errors.js';

/** What the addon offers. `copy` appends to a buffer of `getBlockSize()` bytes without looking at its end. */
export interface StreamDecompressor {
  getBlockSize(): number;
  copy(bytes: Buffer): void;
  decompress(callback: (error: Error | null, output?: Buffer[]) => void, asynchronous: boolean): void;
}

interface Binding {
  StreamDecompressor: new (options: object) => StreamDecompressor;
}

let loaded: Binding | undefined;

/** Loads the addon once per thread. Throws UnsupportedCompressionError where there is no build of it. */
export function loadZstdBinding(): Binding {
  loaded ??= load();
  return loaded;
}

function load(): Binding {
  const require = createRequire(import.meta.url);
  try {
    const entry = require.resolve('@skhaz/zstd');
    const findBuild = createRequire(entry)('node-gyp-build') as { resolve(packageDir: string): string };
    const library = findBuild.resolve(dirname(dirname(entry)));
    return open(library) ?? openCopy(library);
  } catch (cause) {
    throw new UnsupportedCompressionError('zstd', 'this Node has no zstd, and its addon cannot be loaded', { cause });
  }
}

function open(library: string): Binding | null {
  const module = { exports: {} as Binding };
  try {
    process.dlopen(module, library);
    return module.exports;
  } catch {
    return null;
  }
}

function openCopy(library: string): Binding {
  const folder = mkdtempSync(join(tmpdir(), 'zstd-'));
  try {
    const copy = join(folder, 'zstd.node');
    copyFileSync(library, copy);
    const module = { exports: {} as Binding };
    process.dlopen(module, copy);
    return module.exports;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
