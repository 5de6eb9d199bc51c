import { describe, expect, test } from '@jest/globals';
import { type DirectoryNode, sortedEntries } from '../snapshot/file-tree.js';
import { PatternError } from '../snapshot/glob.js';
import { treeOf } from '../test/trees.js';
import { type FilterState, PathFilter, TOP_STATE } from './path-filter.js';

const TREE = treeOf({
  'a/b/f': '',
  'a/b/g.md': '',
  'a/x.md': '',
  'ab/f': '',
  'c/d/e/f': '',
  'README.md': '',
  empty: { dir: true },
});

/** What a walk selects, and the folders that it did not have to look into (in brackets). */
function walk(includes: string[] | undefined, excludes: string[]): string[] {
  const filter = new PathFilter(includes, excludes);
  const lines: string[] = [];
  const visit = (directory: DirectoryNode, prefix: string, state: FilterState): void => {
    for (const [name, node] of sortedEntries(directory)) {
      const path = prefix + name;
      const result = filter.judge(path, node.type === 'directory', state);
      if (result.skip) lines.push(`(${path})`);
      else if (result.selected) lines.push(path);
      if (!result.skip && node.type === 'directory') visit(node, `${path}/`, result);
    }
  };
  visit(TREE, '', TOP_STATE);
  return lines;
}

describe('a walk', () => {
  test('selects everything where nothing is said', () => {
    expect(walk(undefined, [])).toEqual(walk([], []));
    expect(walk(undefined, [])).toHaveLength(13);
  });

  test.each<[string, string[] | undefined, string[], string[]]>([
    ['one file, and looks into no other folder', ['a/b/f'], [], ['a/b/f', '(ab)', '(c)', '(empty)']],
    ['a folder with all in it', ['a/b'], [], ['a/b', 'a/b/f', 'a/b/g.md', '(ab)', '(c)', '(empty)']],
    ['a pattern, for which every folder is looked into', ['*/*/f'], [], ['a/b/f']],
    ['a folder named with /** behind it', ['c/**'], [], ['(a)', '(ab)', 'c/d', 'c/d/e', 'c/d/e/f', '(empty)']],
    ['all but a folder', undefined, ['a', 'c'], ['README.md', '(a)', 'ab', 'ab/f', '(c)', 'empty']],
    [
      'an exception, looking only where it can be',
      undefined,
      ['*', '!c/d/e'],
      ['(a)', '(ab)', 'c/d/e', 'c/d/e/f', '(empty)'],
    ],
    [
      'an exception with a wildcard, looking everywhere',
      undefined,
      ['*', '!**/*.md'],
      ['README.md', 'a/b/g.md', 'a/x.md'],
    ],
    ['the rest of what is included', ['a'], ['**/*.md'], ['a', 'a/b', 'a/b/f', '(ab)', '(c)', '(empty)']],
  ])('%s', (_what, includes, excludes, expected) => {
    expect(walk(includes, excludes).sort()).toEqual([...expected].sort());
  });
});

test('a malformed pattern is refused', () => {
  expect(() => new PathFilter(['['], [])).toThrow(PatternError);
  expect(() => new PathFilter(undefined, ['!'])).toThrow(PatternError);
});
