import type { Digest } from '@entrepot/oci';
import { Prisma } from './generated/client.js';
import { jsonbText } from './jsonb-text.js';
import type { Tx } from './transaction.js';

/** What a row of a container's own layer can be. */
export type ContainerEntryKind =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'
  | 'whiteout';

/** One path of a container's own layer. Names are bytes; exactly one of the three contents is set for a file. */
export interface ContainerEntryRow {
  path: Buffer;
  kind: ContainerEntryKind;
  opaque: boolean;
  covers: boolean;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtimeMs: number;
  linkTarget: Buffer | null;
  deviceMajor: number;
  deviceMinor: number;
  /** Values in base64. */
  xattrs: Readonly<Record<string, string>>;
  inode: number | null;
  /** Null also where it was left out of what was read. */
  inline: Buffer | null;
  blobDigest: Digest | null;
  blobOffset: number | null;
  belowPath: Buffer | null;
}

const maxRows = 2_000;
const maxInlineBytes = 4 * 1024 * 1024;

/** All entries of a container without inline content, in pages and in the order of their paths. */
export async function* pageContainerEntries(tx: Tx, containerId: string): AsyncGenerator<ContainerEntryRow[]> {
  for (let last: Buffer | null = null; ; ) {
    const page: ContainerEntryRow[] = await readPage(tx, containerId, last);
    yield page;
    if (page.length < maxRows) return;
    last = page.at(-1)?.path ?? null;
  }
}

async function readPage(tx: Tx, containerId: string, after: Buffer | null): Promise<ContainerEntryRow[]> {
  const rest = after === null ? Prisma.empty : Prisma.sql`and path > ${after as Buffer<ArrayBuffer>}`;
  const rows = await tx.$queryRaw<ContainerEntryRow[]>`
    select path, kind, opaque, covers, mode, uid::float8 as uid, gid::float8 as gid,
           size_bytes::float8 as "sizeBytes", mtime_ms as "mtimeMs", link_target as "linkTarget",
           device_major as "deviceMajor", device_minor as "deviceMinor", xattrs, inode, null as inline,
           blob_digest as "blobDigest", blob_offset::float8 as "blobOffset", below_path as "belowPath"
      from container_entry where container_id = ${containerId} ${rest} order by path limit ${maxRows}`;
  return rows.map((row) => ({
    ...row,
    path: Buffer.from(row.path),
    linkTarget: row.linkTarget && Buffer.from(row.linkTarget),
    belowPath: row.belowPath && Buffer.from(row.belowPath),
  }));
}

/** The inline content of some entries, in the order of the paths; null where there is none. */
export async function readInlineContents(
  tx: Tx,
  containerId: string,
  paths: readonly Buffer[],
): Promise<(Buffer | null)[]> {
  const rows = await tx.$queryRaw<{ inline: Uint8Array | null }[]>`
    select e.inline from unnest(${paths as Buffer<ArrayBuffer>[]}::bytea[]) with ordinality as p (path, at)
      left join container_entry e on e.container_id = ${containerId} and e.path = p.path
     order by p.at`;
  return rows.map(({ inline }) => (inline === null ? null : Buffer.from(inline)));
}

/**
 * Changes a container's own layer, which the caller has locked: entries that went, entries that are new or other than
 * before, and the size of all of it.
 */
export async function changeContainerEntries(
  tx: Tx,
  containerId: string,
  { dropped, put, sizeBytes }: { dropped: Iterable<Buffer>; put: Iterable<ContainerEntryRow>; sizeBytes: number },
): Promise<void> {
  for (const some of inBatches(dropped, () => 0)) {
    await tx.$executeRaw`
      delete from container_entry
       where container_id = ${containerId} and path = any(${some as Buffer<ArrayBuffer>[]}::bytea[])`;
  }
  for (const some of inBatches(put, ({ inline }) => inline?.length ?? 0)) await putSome(tx, containerId, some);
  await tx.$executeRaw`
    update container set version = version + 1, size_bytes = ${sizeBytes}::bigint where id = ${containerId}`;
}

/** Says that the working directory and the mount points of a container are there. */
export async function markPrepared(tx: Tx, containerId: string): Promise<void> {
  await tx.$executeRaw`update container set prepared = true where id = ${containerId}`;
}

/** A row that loses its blob is deleted, not updated: that is when the blob is reviewed. */
async function putSome(tx: Tx, containerId: string, rows: readonly ContainerEntryRow[]): Promise<void> {
  await tx.$executeRaw`
    with given as (
      select decode(path, 'base64') as path, kind, opaque, covers, mode, uid, gid, size_bytes, mtime_ms,
             decode(link_target, 'base64') as link_target, device_major, device_minor, xattrs, inode,
             decode(inline, 'base64') as inline, blob_digest, blob_offset, decode(below_path, 'base64') as below_path
        from jsonb_to_recordset(${jsonbText(rows.map(record))}::jsonb) as r (
          path text, kind text, opaque boolean, covers boolean, mode int, uid bigint, gid bigint, size_bytes bigint,
          mtime_ms float8, link_target text, device_major int, device_minor int, xattrs jsonb, inode int,
          inline text, blob_digest text, blob_offset bigint, below_path text)
    ), gone as (
      delete from container_entry e using given g where e.container_id = ${containerId} and e.path = g.path
      returning e.path
    )
    insert into container_entry (container_id, path, kind, opaque, covers, mode, uid, gid, size_bytes, mtime_ms,
                                 link_target, device_major, device_minor, xattrs, inode, inline, blob_digest,
                                 blob_offset, below_path)
      select ${containerId}, g.* from given g left join gone o on o.path = g.path`;
}

function record(row: ContainerEntryRow): object {
  return {
    path: row.path.toString('base64'),
    kind: row.kind,
    opaque: row.opaque,
    covers: row.covers,
    mode: row.mode,
    uid: row.uid,
    gid: row.gid,
    size_bytes: row.sizeBytes,
    mtime_ms: row.mtimeMs,
    link_target: row.linkTarget?.toString('base64') ?? null,
    device_major: row.deviceMajor,
    device_minor: row.deviceMinor,
    xattrs: row.xattrs,
    inode: row.inode,
    inline: row.inline?.toString('base64') ?? null,
    blob_digest: row.blobDigest,
    blob_offset: row.blobOffset,
    below_path: row.belowPath?.toString('base64') ?? null,
  };
}

/** Few enough rows, and few enough bytes, for one statement. */
function* inBatches<T>(rows: Iterable<T>, bytesOf: (row: T) => number): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    batch.push(row);
    bytes += bytesOf(row);
    if (batch.length < maxRows && bytes < maxInlineBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
