import { type ContentContext, openBlob } from '@entrepot/content';
import { findLayerPlace } from '@entrepot/database';
import { plainTar, SeekableTar, type StoredTar, streamedTar } from '@entrepot/layers';
import type { Digest } from '@entrepot/oci';

/** A stored layer of which files are read: from where they are, or from the nearest place where unpacking can begin. */
export function layerTar(content: ContentContext, layer: Digest): StoredTar {
  let found: Promise<StoredTar> | null = null;
  const tar = (): Promise<StoredTar> => {
    found ??= findTar(content, layer);
    return found;
  };
  return {
    startBefore: async (plainByte) => (await tar()).startBefore(plainByte),
    read: async function* (start, end) {
      yield* (await tar()).read(start, end);
    },
  };
}

async function findTar(content: ContentContext, layer: Digest): Promise<StoredTar> {
  const place = await findLayerPlace(content.database.prisma, layer);
  if (place?.isPlain) return plainTar((range) => openBlob(content, layer, range));
  if (!place?.seekPoints) return streamedTar(() => openBlob(content, layer));
  const { sizeBytes, seekPoints } = place;
  const open = (fromByte: number) => openBlob(content, layer, { fromByte, toByte: sizeBytes });
  return new SeekableTar({ sizeBytes, open }, async (range) => {
    const chunks: Buffer[] = [];
    for await (const chunk of await openBlob(content, seekPoints, range)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  });
}
