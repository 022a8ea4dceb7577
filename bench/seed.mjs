// Many tiny images for the list cases, loaded as one docker archive.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timed } from './measure.mjs';

/** Loads distinct one-layer images named bench/list<i>:1, :2, … into a server. */
export async function loadSeed(server, home, { images, tagsEach }) {
  const archive = join(home, 'seed.tar');
  writeFileSync(archive, makeArchive(images, tagsEach));
  await timed(`${server.docker} docker load -q -i ${archive}`);
}

function makeArchive(count, tagsEach) {
  const layer = tar([['hello.txt', Buffer.from('hello\n')]]);
  const diffId = sha256(layer);
  const files = [[`${diffId}.tar`, layer]];
  const manifest = [];
  for (let i = 0; i < count; i += 1) {
    const created = new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();
    const config = Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        created,
        config: { Cmd: ['/hello'], Labels: { number: String(i) } },
        rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
        history: [{ created, created_by: `seed ${i}` }],
      }),
    );
    const name = `${sha256(config)}.json`;
    files.push([name, config]);
    const RepoTags = Array.from({ length: tagsEach }, (_, tag) => `bench/list${i}:${tag + 1}`);
    manifest.push({ Config: name, RepoTags, Layers: [`${diffId}.tar`] });
  }
  files.push(['manifest.json', Buffer.from(JSON.stringify(manifest))]);
  return tar(files);
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A plain ustar archive of small files. */
function tar(files) {
  const parts = files.flatMap(([name, bytes]) => [
    tarHeader(name, bytes.length),
    bytes,
    Buffer.alloc((512 - (bytes.length % 512)) % 512),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** One block that begins a file of `size` bytes. */
export function tarHeader(name, size) {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write('0000644\0' + '0000000\0' + '0000000\0', 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`, 124);
  block.write('ustar\x0000', 257);
  const checksum = block.reduce((a, b) => a + b, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
