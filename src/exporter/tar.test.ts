import { expect, test } from '@jest/globals';
import type { Node } from '../snapshot/file-tree.js';
import { directory, file } from '../test/hello-image.js';
import { readAll, readTar } from '../util/read-tar.js';
import { tarBytes } from './tar.js';

const METADATA = { uid: 7, gid: 8, mtime: 1, mtimeNsec: 5 };

async function entriesOf(tree: Parameters<typeof tarBytes>[0], epochSeconds: number) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarBytes(tree, epochSeconds)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const entries = [];
  for await (const { content, pax, ...rest } of readTar([bytes])) {
    entries.push({ ...rest, text: String(await readAll(content)) });
  }
  return { bytes, entries };
}

test('entries come in byte order, depth first, all at the time of the epoch; a second name is a hard link', async () => {
  const shared = file('shared', 0o4711);
  const link: Node = { type: 'symlink', mode: 0o777, ...METADATA, target: 'b/c' };
  const pipe: Node = { type: 'fifo', mode: 0o600, ...METADATA, major: 0, minor: 0 };
  const device: Node = { type: 'char', mode: 0o666, ...METADATA, major: 1, minor: 3 };
  const tree = directory({
    z: shared,
    b: directory({ c: shared, 'a b': file('') }, 0o1777),
    'b-': link,
    p: pipe,
    n: device,
  });
  const { entries, bytes } = await entriesOf(tree, 1_700_000_000);
  const rows = entries.map((e) => [e.path, e.type, e.mode.toString(8), e.uid, e.mtime, e.linkname ?? '', e.text]);
  const T = 1_700_000_000;
  expect(rows).toEqual([
    ['b/', 'directory', '1777', 0, T, '', ''],
    ['b/a b', 'file', '644', 0, T, '', ''],
    ['b/c', 'file', '4711', 0, T, '', 'shared'],
    ['b-', 'symlink', '777', 7, T, 'b/c', ''],
    ['n', 'character-device', '666', 7, T, '', ''],
    ['p', 'fifo', '600', 7, T, '', ''],
    ['z', 'link', '4711', 0, T, 'b/c', ''],
  ]);
  expect(bytes.length % 512).toBe(0);
});

test('an empty tree is the end of an archive alone', async () => {
  const { bytes, entries } = await entriesOf(directory({}), 0);
  expect(bytes.equals(Buffer.alloc(1024))).toBe(true);
  expect(entries).toEqual([]);
});

test('a file above the limit of reading at once is written whole', async () => {
  const big = Buffer.alloc(1024 * 1024 + 1, 'x');
  const { entries } = await entriesOf(directory({ big: file(big) }), 0);
  expect(entries[0]!.text.length).toBe(big.length);
});
