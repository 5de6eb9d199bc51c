import { expect, test } from '@jest/globals';
import { treeOf } from '../test/trees.js';
import type { CopyOptions } from './copy.js';
import { missingPath } from './required.js';

const tree = treeOf({ 'a/b/f': '', 'a/c': '', 'x/y': '', l: { symlink: 'a' } });

function missing(
  src: string,
  includePatterns: string[],
  requiredPaths: string[],
  excludePatterns: string[] = [],
): string | undefined {
  const action: CopyOptions = {
    src,
    dest: '/',
    mode: -1,
    modeStr: '',
    followSymlink: true,
    dirCopyContents: true,
    allowWildcard: false,
    includePatterns,
    excludePatterns,
    requiredPaths,
  };
  return missingPath(tree, action);
}

test('nothing is missing where nothing is required', () => {
  expect(missing('/', ['gone'], [])).toBeUndefined();
});

test.each<[string[], string[], string | undefined]>([
  [['a/b/f'], ['/a/b/f'], undefined],
  [['a/b'], ['/a/b'], undefined],
  [['a/gone'], ['/a/gone'], '/a/gone'],
  [['a/c', 'gone'], ['/a/c', '/gone'], '/gone'],
  [['x'], ['/x'], undefined],
])('include %j, require %j: %s is missing', (include, required, expected) => {
  expect(missing('/', include, required)).toBe(expected);
});

test('a path counts as found when something selected begins with it, as text', () => {
  expect(missing('/', ['a/b'], ['/a/b/'])).toBeUndefined();
  expect(missing('/', ['x/y'], ['/x/'])).toBeUndefined();
  expect(missing('/', ['a/c'], ['/a/cc'])).toBe('/a/cc');
});

test('what is excluded is not there', () => {
  expect(missing('/', ['a/c'], ['/a/c'], ['a/c'])).toBe('/a/c');
});

test('paths count from the source', () => {
  expect(missing('/a', ['b/f'], ['/a/b/f'])).toBeUndefined();
  expect(missing('/a', ['gone'], ['/a/gone'])).toBe('/a/gone');
  expect(missing('/nothing', ['f'], ['/nothing/f'])).toBe('/nothing/f');
});
