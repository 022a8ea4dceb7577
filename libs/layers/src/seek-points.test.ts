import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, gzipSync } from 'node:zlib';
import { zstdStored } from '@entrepot/testing';
import { findSeekPoints } from './find-seek-points.js';
import type { IndexEntry } from './index-entry.js';
import { resumeGzip } from './resume-gzip.js';
import { type KeptPoint, readSeekPoints, unpackWindow } from './seek-points.js';
import { SeekableTar } from './seekable-tar.js';
import { summarizeLayer } from './summarize-layer.js';
import { readTarFile, TarFileReader } from './tar-file-reader.js';
import { tarEnd, tarPadding, writeTarHeader } from './tar-writer.js';

const spacing = { packedBytes: 20_000, plainBytes: 100_000 };

/** Text of which parts repeat, near and far, with bytes that no packer makes smaller in between. */
function plainBytes(bytes: number): Buffer {
  let state = 7;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const words = Array.from({ length: 3000 }, () => Array.from({ length: 1 + next(9) }, () => next(256)));
  const plain = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; ) {
    const word = next(50) === 0 ? Array.from({ length: 300 }, () => next(256)) : (words[next(words.length)] ?? []);
    plain.set(word.slice(0, bytes - at), at);
    at += word.length;
  }
  return plain;
}

const packedStream = (bytes: Buffer) => ({
  sizeBytes: bytes.length,
  open: async (fromByte: number) => inPieces(bytes.subarray(fromByte), 10_007),
});

function inPieces(bytes: Buffer, size: number): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, at * size + size),
  );
  return Readable.from(pieces, { objectMode: false });
}

async function pointsOf(packed: Buffer): Promise<[KeptPoint, window: Buffer][]> {
  const kept = await findSeekPoints(inPieces(packed, 9_973), spacing);
  if (kept === null) return [];
  return readSeekPoints(kept).map((point) => {
    return [point, unpackWindow(kept.subarray(point.window.fromByte, point.window.toByte))];
  });
}

describe('seek points', () => {
  const plain = plainBytes(1_200_000);

  it.each([1, 6, 9, 0])('let unpacking go on at any border of blocks of gzip -%i', async (level) => {
    const packed = gzipSync(plain, { level });
    const points = await pointsOf(packed);
    expect(points.length).toBeGreaterThan(10);
    for (const [point, window] of points) {
      const rest = await buffer(resumeGzip(packedStream(packed), point, window));
      expect({ point, equal: rest.equals(plain.subarray(point.plainBytes)) }).toEqual({ point, equal: true });
    }
  });

  it('are found at borders that lie in each bit of a byte', async () => {
    const packed = gzipSync(plain, { level: 1, memLevel: 2 });
    const points = await pointsOf(packed);
    expect(new Set(points.map(([{ bits }]) => bits))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
    for (const [point, window] of points) {
      const rest = await buffer(resumeGzip(packedStream(packed), point, window));
      expect(rest.equals(plain.subarray(point.plainBytes))).toBe(true);
    }
  });

  it('go on over all members, each with fixed or dynamic codes, and over what follows the last', async () => {
    const members = [plain.subarray(0, 300_000), plain.subarray(300_000, 800_000), plain.subarray(800_000)];
    const packed = Buffer.concat([
      gzipSync(members[0] as Buffer),
      gzipSync(members[1] as Buffer, { strategy: constants.Z_FIXED, memLevel: 3 }),
      gzipSync(members[2] as Buffer),
      Buffer.alloc(1000),
    ]);
    const points = await pointsOf(packed);
    expect(points.at(-1)?.[0].plainBytes).toBeGreaterThan(900_000);
    for (const [point, window] of points) {
      const rest = await buffer(resumeGzip(packedStream(packed), point, window));
      expect(rest.equals(plain.subarray(point.plainBytes))).toBe(true);
    }
  });

  it('are the frames of zstd', async () => {
    const frames = [0, 1, 2, 3, 4, 5].map((at) => zstdStored(plain.subarray(at * 200_000, (at + 1) * 200_000)));
    const points = await pointsOf(Buffer.concat(frames));
    expect(points.map(([{ plainBytes: at }]) => at)).toEqual([200_000, 400_000, 600_000, 800_000, 1_000_000]);
    expect(points[0]?.[0].packedBytes).toBe(frames[0]?.length);
  });

  it('are none in what is plain, and in what has one block', async () => {
    expect(await findSeekPoints(inPieces(plain, 10_000), spacing)).toBeNull();
    expect(await findSeekPoints(inPieces(Buffer.alloc(0), 1), spacing)).toBeNull();
    expect(await findSeekPoints(inPieces(gzipSync('short'), 3), spacing)).toBeNull();
  });

  it('are not kept of what is cut or broken', async () => {
    const packed = gzipSync(plain);
    await expect(findSeekPoints(inPieces(packed.subarray(0, -9), 10_000), spacing)).rejects.toThrow('unexpected end');
    const broken = Buffer.from(packed);
    broken.fill(0xff, 200_000, 200_100);
    await expect(findSeekPoints(inPieces(broken, 10_000), spacing)).rejects.toMatchObject({ code: 'CORRUPT_STREAM' });
  });

  it.each(['gzip', 'members', 'frames'])('lead to files wherever they are in a tar of %s', async (kind) => {
    const bodies = Array.from({ length: 120 }, (_, at) =>
      plain.subarray(at * 7_001, at * 7_001 + ((at * 911) % 19_000)),
    );
    const tar = tarOf(bodies);
    const cut = [0, 300_000, 301_000, 700_000, tar.length];
    const parts = cut.slice(1).map((end, at) => tar.subarray(cut[at], end));
    const packed =
      kind === 'gzip'
        ? gzipSync(tar)
        : Buffer.concat(parts.map((part) => (kind === 'frames' ? zstdStored(part) : gzipSync(part))));
    const kept = (await findSeekPoints(inPieces(packed, 8_191), spacing)) as Buffer;
    const opened: number[] = [];
    const stored = new SeekableTar(
      { sizeBytes: packed.length, open: async (from) => (opened.push(from), inPieces(packed.subarray(from), 4_999)) },
      async ({ fromByte, toByte }) => kept.subarray(fromByte, toByte),
    );
    const entries: IndexEntry[] = [];
    await summarizeLayer(inPieces(packed, 50_000), {}, { onIndexed: (entry) => void entries.push(entry) });
    const bodyOf = ({ path }: IndexEntry): Buffer => bodies[Number(path)] as Buffer;
    for (let seed = 1; seed < 12; seed++) {
      const wanted = entries.filter((_, at) => (at * 37 + seed * 11) % 12 < 2 || at === entries.length - seed);
      const reader = new TarFileReader();
      for (const entry of wanted) reader.announce({ tar: stored, entry });
      for (const entry of wanted) {
        const content = reader.read({ tar: stored, entry });
        // A content may be left when some of it was read.
        if (entry.offsetBytes % 3 === 0) for await (const _ of content) break;
        else expect((await buffer(content)).equals(bodyOf(entry))).toBe(true);
      }
      await reader.close();
    }
    for (const entry of entries.filter((_, at) => at % 9 === 2)) {
      expect((await buffer(readTarFile(stored, entry))).equals(bodyOf(entry))).toBe(true);
    }
    expect(Math.max(...opened)).toBeGreaterThan(packed.length / 2);
  });
});

function tarOf(bodies: readonly Buffer[]): Buffer {
  const plain = {
    type: 'file' as const,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeMs: 0,
    linkTarget: null,
    device: null,
    xattrs: {},
  };
  const pieces = bodies.flatMap((body, at) => [
    writeTarHeader({ ...plain, name: String(at), sizeBytes: body.length }),
    body,
    tarPadding(body.length),
  ]);
  return Buffer.concat([...pieces, tarEnd]);
}
