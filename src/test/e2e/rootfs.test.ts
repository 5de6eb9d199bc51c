/** The root filesystem is one, however it comes out: as a folder, as a tar, and as the layers of the image laid over one another. */
import fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { type ReadEntry, readEntries } from '../read-image.js';
import { useRig } from '../rig.js';
import { contentDigest, type FolderEntry, listFolder, unpack } from '../unpack.js';

const rig = useRig();
const EPOCH = '1600000000';

/** Several layers that overwrite one another, with everything that an entry may have. */
function lay(): void {
  rig.write({
    'ctx/Dockerfile': [
      'FROM scratch',
      'COPY tree /',
      'COPY --chown=7:8 --chmod=640 over /data/',
      'COPY --link more /data/sub',
      'COPY --chmod=4755 tool /bin/tool',
      'COPY --exclude=*.md tree/data /copy',
      'COPY over/a /up/through-a-link',
    ].join('\n'),
    'ctx/tree/data/a': 'a',
    'ctx/tree/data/b': { content: 'b', mode: 0o600 },
    'ctx/tree/data/read.md': 'x',
    'ctx/tree/data/same': { hardlink: 'ctx/tree/data/a' },
    'ctx/tree/data/old': { content: 'older than the epoch', mtime: 1_500_000_000 },
    'ctx/tree/data/link': { symlink: '../nowhere' },
    'ctx/tree/data/sub/c': 'c',
    'ctx/tree/up': { symlink: 'real' },
    'ctx/tree/real/x': 'x',
    'ctx/tree/empty': { dir: true, mode: 0o1777 },
    'ctx/tree/private': { dir: true, mode: 0o700 },
    [`ctx/tree/${'long/'.repeat(30)}${'n'.repeat(120)}`]: 'x',
    'ctx/tree/ünïcode 名前': 'x',
    'ctx/over/a': 'another a',
    'ctx/more/d': 'd',
    'ctx/more': { dir: true, mode: 0o711 },
    'ctx/tool': '#!/bin/sh\n',
  });
}

async function build(...outputs: string[]): Promise<void> {
  const args = outputs.flatMap((output) => ['-o', output]);
  expect(await rig.run([...args, 'ctx'], { env: { SOURCE_DATE_EPOCH: EPOCH } })).toMatchObject({ code: 0 });
}

const tarEntries = () => readEntries(fs.readFileSync(rig.path('root.tar')));

function asListed({ path, type, mode, mtime, linkname, bytes }: ReadEntry): FolderEntry {
  const entry = { path: path.replace(/\/$/, ''), type: type as FolderEntry['type'], mode, mtime };
  if (type === 'file') return { ...entry, content: contentDigest(bytes) };
  return linkname === undefined ? entry : { ...entry, linkname };
}

/** What tar-fs brings onto a disk faithfully: neither the times of folders and links, nor setuid and its like. */
const roughly = ({ mtime, ...entry }: FolderEntry) => {
  const rough = { ...entry, mode: entry.mode & 0o777 };
  return entry.type === 'file' || entry.type === 'link' ? { ...rough, mtime } : rough;
};

describe('the root filesystem', () => {
  test('is the same as a folder and as a tar', async () => {
    lay();
    await build('type=local,dest=folder', 'type=tar,dest=root.tar');
    const folder = listFolder(rig.path('folder'));
    const entries = (await tarEntries()).map(asListed);
    expect([...entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))).toEqual(folder);
    const of = (path: string) => folder.find((entry) => entry.path === path);
    expect(of('bin/tool')).toMatchObject({ type: 'file', mode: 0o4755 });
    expect(of('empty')).toMatchObject({ type: 'directory', mode: 0o1777 });
    expect(of('data/a')).toMatchObject({ mode: 0o640, content: contentDigest(Buffer.from('another a')) });
    expect(of('data/same')).toMatchObject({ type: 'file', content: contentDigest(Buffer.from('a')) });
    expect(of('copy/same')).toMatchObject({ type: 'link', linkname: 'copy/a' });
    expect(new Set(folder.map((entry) => entry.mtime))).toEqual(new Set([Number(EPOCH)])); // BuildKit's exporters set every time
  });

  test('is what another program unpacks', async () => {
    lay();
    await build('type=local,dest=folder', 'type=tar,dest=root.tar');
    await unpack(fs.readFileSync(rig.path('root.tar')), rig.path('unpacked'));
    expect(listFolder(rig.path('unpacked')).map(roughly)).toEqual(listFolder(rig.path('folder')).map(roughly));
  });

  test.each(['uncompressed', 'gzip'])('is what the layers are together, %s', async (compression) => {
    lay();
    await build('type=tar,dest=root.tar', `type=oci,tar=false,dest=layout,compression=${compression}`);
    const blob = (digest: string) => fs.readFileSync(rig.path('layout/blobs', digest.replace(':', '/')));
    const index = JSON.parse(fs.readFileSync(rig.path('layout/index.json'), 'utf8'));
    const { layers } = JSON.parse(String(blob(index.manifests[0].digest)));
    for (const { digest } of layers) {
      const bytes = blob(digest);
      await unpack(compression === 'gzip' ? gunzipSync(bytes) : bytes, rig.path('layers'));
    }
    await unpack(fs.readFileSync(rig.path('root.tar')), rig.path('unpacked'));
    const timeless = (folder: string) => listFolder(rig.path(folder)).map((entry) => roughly({ ...entry, mtime: 0 }));
    expect(timeless('layers')).toEqual(timeless('unpacked'));
    expect(layers).toHaveLength(6);
  });

  test('has the owners of the layers in its tar', async () => {
    lay();
    await build('type=tar,dest=root.tar');
    const owners = new Map((await tarEntries()).map((e) => [e.path, `${e.uid}:${e.gid}`]));
    expect(owners.get('data/a')).toBe('7:8');
    expect(owners.get('data/b')).toBe('0:0');
  });
});
