import { expect, test } from '@jest/globals';
import { diffTrees } from '../snapshot/diff.js';
import { EMPTY_TREE } from '../snapshot/file-tree.js';
import { type NodeSpec, treeOf } from '../test/trees.js';
import { compareListings, layerListing } from './layer-listing.js';

type Specs = Readonly<Record<string, NodeSpec>>;

function listing(specs: Specs, epoch = 2000): string {
  const changes = diffTrees(EMPTY_TREE, treeOf(specs), () => false);
  return layerListing(changes, epoch, (file) => (file.content.kind === 'bytes' ? file.content.digest : undefined));
}

const differences = (before: Specs, after: Specs, epoch?: number) =>
  compareListings(listing(before, epoch), listing(after, epoch));

test('what is equal has no difference, whatever its names are', () => {
  const odd: Specs = { 'a\nb': 'x', '\udcff': 'x', '"q"': { symlink: 'a\nb' }, 'd/ü': '', 'd/l': { hardlink: 'a\nb' } };
  expect(differences(odd, odd)).toEqual([]);
});

test.each<[string, Specs, Specs, readonly unknown[]]>([
  ['content', { a: 'x' }, { a: 'y' }, [{ field: 'content' }]],
  ['content that is gone', { a: 'x' }, { a: '' }, [{ field: 'content' }]],
  [
    'mode and owner',
    { a: 'x' },
    { a: { content: 'x', mode: 0o4755, uid: 1 } },
    [
      { field: 'mode', before: '0644', after: '4755' },
      { field: 'owner', before: '0:0', after: '1:0' },
    ],
  ],
  ['mtime', { a: 'x' }, { a: { content: 'x', mtime: 1 } }, [{ field: 'mtime', before: '1000', after: '1' }]],
  ['a link target', { a: { symlink: 'x' } }, { a: { symlink: 'y' } }, [{ field: 'target', before: 'x', after: 'y' }]],
  ['type', { a: 'x' }, { a: { dir: true } }, [{ field: 'type', before: 'file', after: 'directory' }]],
])('%s', (_what, before, after, fields) => {
  expect(differences(before, after)).toEqual([{ path: 'a', how: 'changed', fields }]);
});

test('hard links', () => {
  expect(differences({ a: 'x', b: 'x', c: { hardlink: 'a' } }, { a: 'x', b: 'x', c: { hardlink: 'b' } })).toEqual([
    { path: 'c', how: 'changed', fields: [{ field: 'hard link', before: 'a', after: 'b' }] },
  ]);
});

test('an mtime above the epoch is the epoch, and makes no difference', () => {
  expect(differences({ a: 'x' }, { a: { content: 'x', mtime: 900 } }, 500)).toEqual([]);
});

test('come in byte order, and the time of a folder after what happened in it', () => {
  const before: Specs = { d: { dir: true, mtime: 1 }, 'd/a': 'x', z: 'x' };
  const after: Specs = { d: { dir: true, mtime: 2 }, 'd/a': 'x', 'd/b': 'x', 'a-new': 'x' };
  expect(differences(before, after).map(({ path, how }) => `${path} ${how}`)).toEqual([
    'a-new added',
    'd/b added',
    'z removed',
    'd changed',
  ]);
});
