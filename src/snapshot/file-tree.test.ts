import { expect, test } from '@jest/globals';
import { treeOf } from '../test/trees.js';
import { decodeText } from '../util/text.js';
import { EMPTY_TREE, sortedEntries, walkTree } from './file-tree.js';

test('a walk goes depth first, in byte order of names', () => {
  const tree = treeOf({ 'a.b': '', 'a-b': '', 'a/c': '', a0: '', B: '', é: '', '\u{1f600}': '', '\uffee': '' });
  expect([...walkTree(tree)].map(([path]) => path)).toEqual([
    'B',
    'a',
    'a/c',
    'a-b',
    'a.b',
    'a0',
    'é',
    '\uffee',
    '\u{1f600}',
  ]);
});

test('names that are not UTF-8 are sorted by their bytes', () => {
  const raw = decodeText(Buffer.of(0xff));
  const tree = treeOf({ [raw]: '', '\u{1f600}': '', z: '' });
  expect([...sortedEntries(tree)].map(([name]) => name)).toEqual(['z', '\u{1f600}', raw]);
});

test('an empty stage has nothing in it', () => {
  expect([...walkTree(EMPTY_TREE)]).toEqual([]);
});
