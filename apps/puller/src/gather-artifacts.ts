import type { PullRow } from '@entrepot/database';
import {
  cosignTags,
  type Descriptor,
  type Digest,
  type ImageManifest,
  isAttestation,
  isRunnableImage,
  parseReference,
  type Reference,
  repositoryName,
} from '@entrepot/oci';
import { type RegistryClient, RegistryError, type RequestContext } from '@entrepot/registry-client';
import type { ChosenImage, FoundManifest, ManifestReader } from './choose-manifest.js';
import type { PullerParts } from './parts.js';

/** A manifest that is no image and belongs to one; `subject` says to which when it does not say so itself. */
export type FoundArtifact = FoundManifest & { manifest: ImageManifest; subject?: Digest };

/** Whoever hangs more on an image gets the first of them pulled. */
const maxArtifacts = 50;
const attested = 'vnd.docker.reference.digest';

/**
 * What the policy wants pulled with an image: BuildKit's attestations in its index, and what refers to its manifests
 * (signatures, attestations, SBOMs), by a list or by a tag of cosign. It is removed when what it belongs to is removed.
 *
 * @throws {RegistryError}
 */
export async function gatherArtifacts(
  { trust, registry }: PullerParts,
  pull: PullRow,
  { path, shown }: ChosenImage,
  documents: ManifestReader,
  context: RequestContext,
): Promise<FoundArtifact[]> {
  const reference = parseReference(pull.reference);
  if (!trust.find(reference).artifacts) return [];
  const repository = repositoryName(reference);
  const named = path.flatMap(({ manifest }) => (manifest.kind === 'index' ? manifest.manifests : []));
  const attestations = named.filter((entry) => isAttestation(entry) && entry.annotations?.[attested] === shown);
  const referrers: Wanted[] = [];
  for (const { digest } of path) {
    referrers.push(...(await registry.listReferrers(repository, digest, context)));
    referrers.push(...(await findTagged(registry, reference, digest, context)));
  }
  const known = new Set<Digest>(path.map(({ digest }) => digest));
  const artifacts: FoundArtifact[] = [];
  for (const descriptor of [...attestations, ...referrers] as Wanted[]) {
    if (artifacts.length === maxArtifacts) break;
    if (known.has(descriptor.digest)) continue;
    known.add(descriptor.digest);
    const found = await documents.manifest(descriptor);
    if (isArtifact(found)) artifacts.push({ ...found, subject: descriptor.subject });
  }
  return artifacts;
}

type Wanted = Descriptor & { subject?: Digest };

/** What cosign keeps beside a manifest: asked for by HEAD, so that what is here already costs no more. */
async function findTagged(
  registry: RegistryClient,
  { domain, path }: Reference,
  subject: Digest,
  context: RequestContext,
): Promise<Wanted[]> {
  const found: Wanted[] = [];
  for (const tag of cosignTags(subject)) {
    try {
      const { descriptor } = await registry.resolve({ domain, path, tag }, { ...context, withoutMirrors: true });
      found.push({ ...descriptor, subject });
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 404) throw error;
    }
  }
  return found;
}

function isArtifact(found: FoundManifest): found is FoundArtifact {
  return found.manifest.kind === 'image' && !isRunnableImage(found.manifest);
}
