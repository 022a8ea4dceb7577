import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** A layer of which nobody has found yet where its unpacking can begin. */
export interface UnsoughtLayer {
  storageKey: string;
  sizeBytes: number;
  /** How long it has been stored. */
  ageMs: number;
}

/** How a stored layer can be read. */
export interface LayerPlace {
  sizeBytes: number;
  /** It is stored as the plain tar that it is. */
  isPlain: boolean;
  /** Its seek points. */
  seekPoints: Digest | null;
}

/** In `layer_index` they stand before the entries. */
const position = -1;
/** In smaller layers every file is near. */
const leastBytes = 4 * 1024 * 1024;

/** Seek points are due of an analysed layer, when it is large. A no-op when the layer is gone. */
export async function wantSeekPoints(tx: Tx, layer: Digest): Promise<void> {
  await tx.$executeRaw`
    update blob set seek_points_due = true where digest = ${layer} and size_bytes >= ${leastBytes}`;
}

/** The layer, unless its seek points were found, or it is gone. */
export async function findUnsoughtLayer(tx: Tx, layer: Digest): Promise<UnsoughtLayer | null> {
  const rows = await tx.$queryRaw<UnsoughtLayer[]>`
    select storage_key as "storageKey", size_bytes::float8 as "sizeBytes",
           (extract(epoch from now() - created_at) * 1000)::float8 as "ageMs"
      from blob where digest = ${layer} and seek_points_due`;
  return rows[0] ?? null;
}

/** Layers whose seek points are due, longest stored first. */
export async function listUnsoughtLayers(tx: Tx, limit: number): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select digest from blob where seek_points_due order by created_at limit ${limit}`;
  return rows.map((row) => row.digest);
}

/** The seek points of a layer, null when there are none; they take the place of earlier ones. A no-op when it is gone. */
export async function putSeekPoints(tx: Tx, layer: Digest, seekPoints: Digest | null): Promise<void> {
  await tx.$executeRaw`delete from layer_index where layer_digest = ${layer} and position = ${position}`;
  await tx.$executeRaw`
    with found as (update blob set seek_points_due = false where digest = ${layer} returning digest)
    insert into layer_index (layer_digest, position, blob_digest)
      select digest, ${position}, ${seekPoints} from found where ${seekPoints}::text is not null`;
}

/** How to read a layer; null when it is not here. */
export async function findLayerPlace(tx: Tx, layer: Digest): Promise<LayerPlace | null> {
  const rows = await tx.$queryRaw<LayerPlace[]>`
    select b.size_bytes::float8 as "sizeBytes", coalesce(b.diff_id = b.digest, false) as "isPlain",
           i.blob_digest as "seekPoints"
      from blob b left join layer_index i on i.layer_digest = b.digest and i.position = ${position}
     where b.digest = ${layer}`;
  return rows[0] ?? null;
}
