import {
  countUnlistedLayers,
  exactPath,
  type Findings,
  findImagesByBase,
  findImagesByChain,
  findImagesByContent,
  findImagesByLabel,
  findImagesByLayer,
  findImagesByPackage,
  findImagesByPath,
  getImage,
  listPackageVersions,
  parsePathGlob,
  type Tx,
} from '@entrepot/database';
import { type Digest, type Ecosystem, isInRange, parsePackageRange } from '@entrepot/oci';

/** What images are looked for; all that is given must hold. */
export interface ImageQuestion {
  path?: string | undefined;
  glob?: string | undefined;
  sha256?: string | undefined;
  layer?: Digest | undefined;
  base?: string | undefined;
  chain?: Digest | undefined;
  label?: string | undefined;
  package?: string | undefined;
}

/**
 * Finds images by what is in them.
 *
 * @throws {InvalidPackageRangeError}
 * @throws {ImageNotFoundError} nothing has the name of the base
 */
export async function findImages(tx: Tx, question: ImageQuestion): Promise<Findings> {
  const found = await Promise.all(conditions(tx, question));
  const [first, ...others] = found.toSorted((a, b) => a.images.size - b.images.size);
  const images = new Map<Digest, string[]>();
  for (const [id, matches] of first?.images ?? []) {
    const more = others.map((other) => other.images.get(id));
    if (more.every((it) => it !== undefined)) images.set(id, [...matches, ...more.flat()]);
  }
  const complete =
    found.every((it) => it.complete) && (!looksInside(question) || (await countUnlistedLayers(tx)) === 0);
  return { images, complete };
}

function looksInside({ path, glob, sha256, package: range }: ImageQuestion): boolean {
  return [path, glob, sha256, range].some((given) => given !== undefined);
}

function conditions(tx: Tx, question: ImageQuestion): Promise<Findings>[] {
  const { path, glob, sha256, layer, base, chain, label, package: range } = question;
  const wanted: Promise<Findings>[] = [];
  if (path !== undefined) wanted.push(findImagesByPath(tx, exactPath(path)));
  if (glob !== undefined) wanted.push(findImagesByPath(tx, parsePathGlob(glob)));
  if (sha256 !== undefined) wanted.push(findImagesByContent(tx, sha256.replace(/^sha256:/, '')));
  if (layer !== undefined) wanted.push(findImagesByLayer(tx, layer));
  if (base !== undefined) wanted.push(getImage(tx, base).then(({ imageId }) => findImagesByBase(tx, imageId)));
  if (chain !== undefined) wanted.push(findImagesByChain(tx, chain));
  if (label !== undefined) wanted.push(byLabel(tx, label));
  if (range !== undefined) wanted.push(byPackage(tx, range));
  return wanted;
}

function byLabel(tx: Tx, label: string): Promise<Findings> {
  const equals = label.indexOf('=');
  return equals < 0
    ? findImagesByLabel(tx, label, undefined)
    : findImagesByLabel(tx, label.slice(0, equals), label.slice(equals + 1));
}

async function byPackage(tx: Tx, text: string): Promise<Findings> {
  const range = parsePackageRange(text);
  const known = await listPackageVersions(tx, range.name, range.ecosystem);
  const versions = known.filter(({ ecosystem, version }) => isInRange(range, ecosystem as Ecosystem, version));
  return findImagesByPackage(tx, range.name, versions);
}
