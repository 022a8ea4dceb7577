import { type LoadedImage, type LoadedManifest, subjectOf } from '@entrepot/archive';
import {
  type Digest,
  defaultPlatform,
  formatPlatform,
  matchesExactly,
  type Platform,
  platformOf,
  selectPlatform,
} from '@entrepot/oci';

/** What is to be published of one image of an archive. */
export interface LoadableImage {
  /** The manifest that commands show; all its blobs are there. */
  shown: LoadedManifest;
  /** That one, others of the index that are whole, and what belongs to them. */
  manifests: LoadedManifest[];
}

/**
 * Chooses what to publish of an image. An archive may carry only some platforms of an index, and with `platform` only
 * that one is taken.
 *
 * @throws {NotLoadableError} nothing to show, or not for the wanted platform
 */
export function chooseLoadable(
  image: LoadedImage,
  absent: ReadonlySet<Digest>,
  platform: Platform | null,
): LoadableImage {
  const images = image.manifests.filter(({ runnable }) => runnable);
  const wanted =
    platform === null ? images : images.filter((manifest) => matchesExactly(platformIn(manifest), platform));
  if (wanted.length === 0) throw nothingToShow(image, platform);
  const isWhole = ({ missing }: LoadedManifest): boolean => missing.every(({ digest }) => !absent.has(digest));
  const whole = wanted.filter(isWhole);
  const shown = selectPlatform(whole, platformIn, platform ?? defaultPlatform) ?? whole[0];
  if (!shown) throw contentMissing(wanted[0] as LoadedManifest, absent, platform);
  if (platform === null) return { shown, manifests: image.manifests.filter(isWhole) };
  const artifacts = image.manifests.filter((manifest) => subjectOf(manifest) === shown.manifest.digest);
  return { shown, manifests: [shown, ...artifacts.filter(isWhole)] };
}

/** As the config says, or else the index. */
function platformIn({ config, listed }: LoadedManifest): Platform {
  return config.parsed ? platformOf(config.parsed) : (listed.platform ?? defaultPlatform);
}

function nothingToShow({ references, target, manifests }: LoadedImage, platform: Platform | null): NotLoadableError {
  const name = references[0] ?? target.digest;
  if (platform !== null) {
    const text = `image ${name} was loaded, but doesn't provide the requested platform (${formatPlatform(platform)})`;
    return new NotLoadableError(name, text.replace('was loaded, but', 'is in the archive, but'));
  }
  const odd = manifests[0]?.content.config.mediaType;
  return new NotLoadableError(
    name,
    odd ? `unsupported media type ${odd}` : `${name} names no image that the archive carries`,
  );
}

function contentMissing(
  { missing }: LoadedManifest,
  absent: ReadonlySet<Digest>,
  platform: Platform | null,
): NotLoadableError {
  const digest = missing.find((descriptor) => absent.has(descriptor.digest))?.digest ?? '';
  const what =
    platform === null
      ? 'some content is missing'
      : `requested platform (${formatPlatform(platform)}) found, but some content is missing`;
  return new NotLoadableError(digest, `${what}: content digest ${digest}: not found`);
}

/** An archive holds an image that cannot be shown from what it carries and what is here. */
export class NotLoadableError extends Error {
  override readonly name = 'NotLoadableError';
  readonly code = 'NOT_LOADABLE' as const;
  readonly retryable = false;

  constructor(
    readonly image: string,
    message: string,
  ) {
    super(message);
  }
}
