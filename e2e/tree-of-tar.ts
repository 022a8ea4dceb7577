import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { bytesOfText, defaultTarLimits, TarReader } from '@entrepot/layers';

/**
 * What a tar unpacks to, as one line for each name in order: kind, permissions, owner, link target, hash of the content,
 * capabilities. The names of one file are told by the first of them.
 */
export async function treeOfTar(file: string): Promise<string[]> {
  const lines = new Map<string, string>();
  const firstNames = new Map<string, string>();
  for await (const [entry, body] of new TarReader(createReadStream(file), defaultTarLimits)) {
    const name = bytesOfText(entry.name)
      .toString('latin1')
      .replace(/^\.?\//, '')
      .replace(/\/$/, '');
    const hash = createHash('sha256');
    for await (const chunk of body) hash.update(chunk);
    if (entry.type === 'link') {
      firstNames.set(name, entry.linkTarget ?? '');
      continue;
    }
    const { type, mode, uid, gid, linkTarget, device, pax } = entry;
    const numbers = type.endsWith('device') ? `${device.major}:${device.minor}` : '';
    const content = type === 'file' ? hash.digest('hex').slice(0, 16) : '';
    const capability = bytesOfText(pax['SCHILY.xattr.security.capability'] ?? '').toString('hex');
    lines.set(name, [type, mode.toString(8), uid, gid, linkTarget ?? '', numbers, content, capability].join(' '));
  }
  // Which name of a file is the link is the writer's choice.
  const groups = new Map<string, string[]>();
  for (const [name, first] of firstNames) {
    lines.set(name, lines.get(first) ?? 'link to nothing');
    groups.set(first, [...(groups.get(first) ?? [first]), name]);
  }
  for (const names of groups.values()) {
    const together = names.sort().join(' = ');
    for (const name of names) lines.set(name, `${lines.get(name)} (${together})`);
  }
  return [...lines].map(([name, line]) => `${name}: ${line}`).sort();
}
