import { expect, test } from '@jest/globals';
import { showTree, treeOf } from '../test/trees.js';
import { EMPTY_TREE } from './file-tree.js';
import { mergeTrees } from './merge.js';

test('directories merge and take mode, owner and time of the upper one; anything else replaces', () => {
  const lower = treeOf({
    'd/keep': 'k',
    'd/f': 'old',
    file: 'f',
    link: { symlink: 'd' },
    'dir/x': 'x',
  });
  const upper = treeOf({
    d: { dir: true, mode: 0o700, uid: 1, mtime: 2 },
    'd/f': 'new',
    'file/now/a': 'directory',
    'link/now/a': 'directory',
    dir: 'a file now',
  });
  expect(showTree(mergeTrees(lower, upper), { modes: true, times: true })).toEqual([
    'd/ 700 1:0 @2',
    'd/f "new" 644 @1000',
    'd/keep "k" 644 @1000',
    'dir "a file now" 644 @1000',
    'file/ 755 @1000',
    'file/now/ 755 @1000',
    'file/now/a "directory" 644 @1000',
    'link/ 755 @1000',
    'link/now/ 755 @1000',
    'link/now/a "directory" 644 @1000',
  ]);
});

test('what is not there changes nothing', () => {
  const tree = treeOf({ 'a/b': '1', l: { symlink: 'a' } });
  expect(showTree(mergeTrees(tree, EMPTY_TREE))).toEqual(showTree(tree));
  expect(showTree(mergeTrees(EMPTY_TREE, tree))).toEqual(showTree(tree));
});
