import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** Heard when a layer's analysis has ended, well or not. */
export const layerAnalysedTopic = 'layer-analysed';

/** How far the inside of a layer is known. */
export interface LayerState {
  digest: Digest;
  diffId: Digest | null;
  analysed: boolean;
  /** Why it cannot be read. */
  error: string | null;
}

/**
 * Makes the analysis of those layers urgent that nobody has looked into. Returns the state of all that are here, in no
 * order.
 */
export async function wantLayers(tx: Tx, layers: readonly Digest[]): Promise<LayerState[]> {
  await tx.$executeRaw`
    update blob set analysis_wanted_at = now()
     where digest = any(${[...layers]}::text[]) and analysed_at is null and analysis_wanted_at is null`;
  return await tx.$queryRaw<LayerState[]>`
    select digest, diff_id as "diffId", analysed_at is not null as analysed, analysis_error as error
      from blob where digest = any(${[...layers]}::text[])`;
}

/** Layers that somebody waits for and nobody has looked into, whose job may have been lost. */
export async function listWantedLayers(tx: Tx, options: { wantedForMs: number; limit: number }): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select digest from blob
     where analysed_at is null
       and analysis_wanted_at <= now() - make_interval(secs => ${options.wantedForMs / 1000}::double precision)
     order by analysis_wanted_at limit ${options.limit}`;
  return rows.map((row) => row.digest);
}

/** The blobs that the index of a layer is made of take the place of earlier ones. A no-op when the layer is gone. */
export async function putLayerIndex(tx: Tx, layer: Digest, parts: readonly Digest[]): Promise<void> {
  await tx.$executeRaw`delete from layer_index where layer_digest = ${layer} and position >= 0`;
  await tx.$executeRaw`
    insert into layer_index (layer_digest, position, blob_digest)
      select l.digest, p.at - 1, p.digest
        from (select digest from blob where digest = ${layer} for key share) l,
             unnest(${[...parts]}::text[]) with ordinality as p (digest, at)`;
}

/** The blobs of a layer's index in order; none when there is no index. */
export async function listLayerIndex(tx: Tx, layer: Digest): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select blob_digest as digest from layer_index where layer_digest = ${layer} and position >= 0 order by position`;
  return rows.map((row) => row.digest);
}
