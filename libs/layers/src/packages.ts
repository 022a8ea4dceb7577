/**
 * What is installed in an image, from what package managers leave there: dpkg's status (one file, or a file for each
 * package under status.d, as distroless has it), apk's installed, and the package.json of modules of Node.
 */
import type { LayerEntry } from './layer-entry.js';

/** One installed package, as the file at `path` says. */
export interface FoundPackage {
  path: string;
  ecosystem: 'deb' | 'apk' | 'npm';
  name: string;
  version: string;
}

const apkFiles = new Set(['lib/apk/db/installed', 'usr/lib/apk/db/installed']);
const maxPackages = 200_000;
const maxTextLength = 256;

/** Collects packages while a layer is read, as its listener's `watch`. */
export class PackageFinder {
  readonly packages: FoundPackage[] = [];

  wants(entry: LayerEntry): boolean {
    return readerOf(entry.path) !== null && this.packages.length < maxPackages;
  }

  onContent({ path }: LayerEntry, content: Buffer): void {
    for (const found of readerOf(path)?.(content.toString('utf8')) ?? []) {
      const isSane = found.name !== '' && found.version !== '' && !`${found.name}${found.version}`.includes('\0');
      if (!isSane || found.name.length > maxTextLength || found.version.length > maxTextLength) continue;
      if (this.packages.length < maxPackages) this.packages.push({ path, ...found });
    }
  }
}

type Found = Omit<FoundPackage, 'path'>;

function readerOf(path: string): ((text: string) => Iterable<Found>) | null {
  if (path === 'var/lib/dpkg/status') return readDpkg;
  if (path.startsWith('var/lib/dpkg/status.d/')) return path.endsWith('.md5sums') ? null : readDpkg;
  if (apkFiles.has(path)) return readApk;
  return /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path) ? readNpm : null;
}

function* readDpkg(text: string): Generator<Found> {
  for (const paragraph of text.split(/\n\s*\n/)) {
    const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? '';
    const status = field('Status');
    // Removed packages stay with their configuration; status.d has no Status at all.
    if (status !== '' && !/ (installed|triggers-pending|triggers-awaited)$/.test(status)) continue;
    yield { ecosystem: 'deb', name: field('Package'), version: field('Version') };
  }
}

function* readApk(text: string): Generator<Found> {
  for (const paragraph of text.split(/\n\n+/)) {
    const field = (letter: string): string => new RegExp(`^${letter}:(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? '';
    yield { ecosystem: 'apk', name: field('P'), version: field('V') };
  }
}

function* readNpm(text: string): Generator<Found> {
  try {
    const { name, version } = (JSON.parse(text) ?? {}) as { name?: unknown; version?: unknown };
    if (typeof name === 'string' && typeof version === 'string') yield { ecosystem: 'npm', name, version };
  } catch {
    // A file of that name which is no JSON describes no package.
  }
}
