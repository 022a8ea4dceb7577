import type { ContainerEntryRow } from '@entrepot/database';
import { bytesOfText, textOfBytes, type WrittenContent, type WrittenEntry } from '@entrepot/layers';

/** A row of a container's layer as its tree has it. */
export function entryOfRow(row: ContainerEntryRow): WrittenEntry {
  const path = textOfBytes(row.path);
  const isDevice = row.kind === 'character-device' || row.kind === 'block-device';
  return {
    path,
    type: row.kind,
    opaque: row.opaque,
    covers: row.covers,
    mode: row.mode,
    uid: row.uid,
    gid: row.gid,
    sizeBytes: row.sizeBytes,
    mtimeMs: row.mtimeMs,
    inode: row.inode,
    linkTarget: row.linkTarget === null ? null : textOfBytes(row.linkTarget),
    device: isDevice ? { major: row.deviceMajor, minor: row.deviceMinor } : null,
    xattrs: mapValues(row.xattrs, (value) => textOfBytes(Buffer.from(value, 'base64'))),
    content: row.kind === 'file' ? contentOfRow(row, path) : null,
  };
}

/** An entry as it is stored. Content that is kept elsewhere must have been read. */
export function rowOfEntry(entry: WrittenEntry): ContainerEntryRow {
  const { content, device, linkTarget } = entry;
  return {
    path: bytesOfText(entry.path),
    kind: entry.type,
    opaque: entry.opaque,
    covers: entry.covers,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: entry.sizeBytes,
    mtimeMs: entry.mtimeMs,
    inode: entry.inode,
    linkTarget: linkTarget === null ? null : bytesOfText(linkTarget),
    deviceMajor: device?.major ?? 0,
    deviceMinor: device?.minor ?? 0,
    xattrs: mapValues(entry.xattrs, (value) => bytesOfText(value).toString('base64')),
    inline: content?.kind === 'inline' ? content.bytes : null,
    blobDigest: content?.kind === 'blob' ? content.digest : null,
    blobOffset: content?.kind === 'blob' ? content.offsetBytes : null,
    belowPath: content?.kind === 'below' ? bytesOfText(content.path) : null,
  };
}

function contentOfRow({ blobDigest, blobOffset, belowPath }: ContainerEntryRow, path: string): WrittenContent {
  if (blobDigest !== null) return { kind: 'blob', digest: blobDigest, offsetBytes: blobOffset ?? 0 };
  return belowPath === null ? { kind: 'kept', path } : { kind: 'below', path: textOfBytes(belowPath) };
}

function mapValues(
  values: Readonly<Record<string, string>>,
  map: (value: string) => string,
): Readonly<Record<string, string>> {
  // Most have none, and there are many.
  for (const _ in values) return mapAll(values, map);
  return values;
}

function mapAll(values: Readonly<Record<string, string>>, map: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}
