import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '@entrepot/oci';
import { BlobNotFoundError, BlobStoreUnavailableError, BlobUploadLostError } from './blob-store.js';
import { describeBlobStore } from './conformance.js';
import { FilesystemBlobStore } from './filesystem.js';
import { newStorageKey } from './storage-key.js';

const folder = mkdtempSync(join(tmpdir(), 'entrepot-blobs-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describeBlobStore('filesystem', () => new FilesystemBlobStore(join(folder, 'conformance')));

describe('the filesystem blob store', () => {
  const root = join(folder, 'own');
  const store = new FilesystemBlobStore(root);

  it('keeps a committed blob in a file that only its user may read, and nothing in uploads', async () => {
    const bytes = Buffer.from('hello');
    const key = newStorageKey(digestOf(bytes));
    const path = join(root, 'blobs', key.replace(/\/([^/]+)$/, '+$1'));
    await put(key, bytes);
    expect(await readFile(path, 'utf8')).toBe('hello');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(root, 'uploads'))).toEqual([]);
    await store.delete(key);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('leaves nothing in uploads after abort and delete', async () => {
    const aborted = await store.openUpload(newStorageKey(), 10);
    const deletedKey = newStorageKey();
    const deleted = await store.openUpload(deletedKey, 10);
    await aborted.abort();
    await store.delete(deletedKey);
    await deleted.abort();
    expect(await readdir(join(root, 'uploads'))).toEqual([]);
  });

  it('does not let the earlier owner of an upload publish or delete what a later one goes on with', async () => {
    const key = newStorageKey();
    const earlier = await store.openUpload(key, 4);
    await earlier.write(Buffer.from('ab'));
    await earlier.suspend();
    const zombie = await store.openUpload(key, 4, { safeBytes: 2 });
    const later = await store.openUpload(key, 4, { safeBytes: 2 });
    await zombie.write(Buffer.from('cd'));
    await expect(zombie.commit()).rejects.toThrow(BlobUploadLostError);
    await zombie.abort();
    await expect(store.open(key)).rejects.toThrow(BlobNotFoundError);
    await later.write(Buffer.from('cd'));
    await later.commit();
    expect(await text(key)).toBe('abcd');
  });

  it('trusts no state further than the file goes', async () => {
    const key = newStorageKey();
    const first = await store.openUpload(key, 4);
    await first.write(Buffer.from('ab'));
    await first.suspend();
    const second = await store.openUpload(key, 4, { safeBytes: 3 });
    expect(second.offsetBytes).toBe(2);
    await second.abort();
  });

  it('cuts off what was stored beyond the known state', async () => {
    const key = newStorageKey();
    const first = await store.openUpload(key, 4);
    await first.write(Buffer.from('abX'));
    await first.suspend();
    const second = await store.openUpload(key, 4, { safeBytes: 2 });
    const folderOfUpload = join(root, 'uploads', key.replace('/', '+'));
    const [name] = await readdir(folderOfUpload);
    expect(await readFile(join(folderOfUpload, name as string), 'utf8')).toBe('ab');
    await second.abort();
  });

  it('follows no link', async () => {
    await writeFile(join(folder, 'secret'), 'secret');
    await symlink(join(folder, 'secret'), join(root, 'blobs', 'link+1'));
    await expect(store.open('link/1')).rejects.toThrow(BlobNotFoundError);
  });

  it('takes a folder for no blob', async () => {
    await mkdir(join(root, 'blobs', 'folder+1'));
    await expect(store.open('folder/1')).rejects.toThrow(BlobNotFoundError);
    await store.delete('folder/1');
  });

  it('is unavailable, with the reason, when its folder cannot be', async () => {
    await writeFile(join(folder, 'file'), '');
    const broken = new FilesystemBlobStore(join(folder, 'file', 'store'));
    const key = newStorageKey();
    await expect(broken.ensureReady()).rejects.toThrow(BlobStoreUnavailableError);
    await expect(broken.openUpload(key, 1)).rejects.toThrow(`the upload of ${key}: ENOTDIR`);
  });

  async function put(key: string, bytes: Buffer): Promise<void> {
    const upload = await store.openUpload(key, bytes.length);
    await upload.write(bytes);
    await upload.commit();
  }

  async function text(key: string): Promise<string> {
    let found = '';
    for await (const chunk of await store.open(key)) found += chunk;
    return found;
  }
});
