// What layers hold, by path, for search. Filled after the analysis from the layer's index, in batches of their own: a layer
// counts once `listed_at` is set, and a listing that was cut off is simply done again.
import type { Digest } from '@entrepot/oci';
import type { Tx } from './transaction.js';

/** What one layer does at one path. Text must be well-formed, without NUL. */
export interface LayerFileRow {
  path: string;
  /** `f` file, `d` directory, `o` another kind of file, `x` nothing but hiding. */
  kind: 'f' | 'd' | 'o' | 'x';
  hides: boolean;
  /** Hex. */
  sha256: string | null;
}

/** A package that a file of a layer describes. */
export interface LayerPackageRow {
  path: string;
  ecosystem: string;
  name: string;
  version: string;
}

/** Begins the listing of an analysed layer; null when it is listed, gone, or not analysed. */
export async function beginLayerListing(tx: Tx, layer: Digest): Promise<number | null> {
  const rows = await tx.$queryRaw<{ id: number }[]>`
    insert into listed_layer (digest)
      select digest from blob where digest = ${layer} and analysed_at is not null and analysis_error is null for key share
      on conflict (digest) do update set digest = excluded.digest where listed_layer.listed_at is null
      returning id`;
  return rows[0]?.id ?? null;
}

/** Adds what a layer does at some paths, each of them once; what was added before is overwritten. */
export async function putLayerFiles(tx: Tx, layerId: number, rows: readonly LayerFileRow[]): Promise<void> {
  if (rows.length === 0) return;
  const paths = rows.map(({ path }) => path);
  // In the order of the index, so that two layers that bring the same paths do not wait for each other in a circle.
  await tx.$executeRaw`
    insert into file_path (key, path, name)
      select g.key, g.path, regexp_replace(g.path, '^.*/', '')
        from (select path, path_key(path) as key from unnest(${paths}::text[]) as u (path)) g
       where not exists (select from file_path k where k.key = g.key)
       order by g.key
      on conflict do nothing`;
  await tx.$executeRaw`
    insert into layer_file (layer_id, path_id, kind, hides, sha256)
      select ${layerId}, p.id, g.kind::"char", g.hides, decode(g.sha256, 'hex')
        from unnest(${paths}::text[], ${rows.map(({ kind }) => kind)}::text[], ${rows.map(({ hides }) => hides)}::boolean[],
                    ${rows.map(({ sha256 }) => sha256)}::text[]) as g (path, kind, hides, sha256)
        join file_path p on p.key = path_key(g.path)
      on conflict (path_id, layer_id) do update
        set kind = case when excluded.kind = 'x' then layer_file.kind else excluded.kind end,
            hides = layer_file.hides or excluded.hides,
            sha256 = case when excluded.kind = 'x' then layer_file.sha256 else excluded.sha256 end`;
}

/** Ends a listing: its packages become rows, and the layer counts from now on. */
export async function finishLayerListing(tx: Tx, layerId: number): Promise<void> {
  await tx.$executeRaw`
    insert into layer_package (layer_id, path_id, ecosystem, name, version)
      select l.id, path_id(g.path), g.ecosystem, g.name, g.version
        from listed_layer l join found_packages f on f.layer_digest = l.digest,
             jsonb_to_recordset(f.packages) as g (path text, ecosystem text, name text, version text)
       where l.id = ${layerId} and path_id(g.path) is not null
      on conflict do nothing`;
  await tx.$executeRaw`
    delete from found_packages f using listed_layer l where l.id = ${layerId} and f.layer_digest = l.digest`;
  await tx.$executeRaw`update listed_layer set listed_at = now() where id = ${layerId}`;
}

/** Keeps the packages that an analysis has found until the layer is listed, which is due again. A no-op when it is gone. */
export async function keepFoundPackages(tx: Tx, layer: Digest, packages: readonly LayerPackageRow[]): Promise<void> {
  await tx.$executeRaw`delete from listed_layer where digest = ${layer}`;
  await tx.$executeRaw`
    insert into found_packages (layer_digest, packages)
      select digest, ${JSON.stringify(packages)}::jsonb from blob where digest = ${layer} for key share
      on conflict (layer_digest) do update set packages = excluded.packages`;
}

/** Analysed layers whose files are not listed. */
export async function listUnlistedLayers(tx: Tx, limit: number): Promise<Digest[]> {
  const rows = await tx.$queryRaw<{ digest: Digest }[]>`
    select f.layer_digest as digest from found_packages f limit ${limit}`;
  return rows.map((row) => row.digest);
}
