import { describe, expect, test } from '@jest/globals';
import { followLinks, type LinkReader } from './follow-links.js';

/** A folder in memory: path → link target, or null for anything else; folders above are there by themselves. */
function reader(entries: Readonly<Record<string, string | null>>): LinkReader {
  const names = Object.keys(entries);
  return {
    readlink: (path) => entries[path] ?? undefined,
    list(path) {
      const prefix = path === '.' ? '' : `${path}/`;
      const below = names.filter((n) => n.startsWith(prefix)).map((n) => n.slice(prefix.length).split('/')[0]!);
      return below.length > 0 ? [...new Set(below)] : undefined;
    },
  };
}

const TREE = reader({
  'real/f': null,
  'real/up': '../top',
  top: null,
  dir: 'real',
  abs: '/real/f',
  deep: 'dir/f',
  out: '../../outside',
  root: '.',
  loop: 'loop',
  ping: 'pong/x',
  pong: 'ping',
  'a/one': '../top',
  'a/two': '../real',
  'a/three': null,
  '[z]': 'top',
  dangling: 'gone/away',
});

describe('the paths that sources reach', () => {
  test.each<[string[], string[] | undefined]>([
    [['top'], ['top']],
    [['/top'], ['top']],
    [['gone'], ['gone']],
    [['dir'], ['dir', 'real']],
    [['dir/f'], ['dir', 'real/f']],
    [['dir/up'], ['dir', 'real/up', 'top']],
    [['abs'], ['abs', 'real/f']],
    [['deep'], ['deep', 'dir', 'real/f']],
    [['out'], ['out', 'outside']],
    [['dangling'], ['dangling', 'gone/away']],
    [['dangling/x'], ['dangling', 'gone/away/x']],
    [['a/../top'], ['top']],
    [
      ['real', 'real/f', 'top'],
      ['real', 'top'],
    ],
    [['.'], undefined],
    [['/'], undefined],
    [['top', '/'], undefined],
    [['root'], undefined],
    [['root/top'], ['root', 'top']],
  ])('%j → %j', (paths, reached) => {
    expect(followLinks(TREE, paths)).toEqual(reached);
  });
});

describe('wildcards', () => {
  test.each<[string, string[] | undefined]>([
    ['*.txt', ['*.txt']], // patterns themselves, when they match no link
    ['real/*', ['real/*', 'top']],
    ['a/t*', ['a/t*', 'real']],
    ['a/*/f', ['a/*', 'real/f', 'top/f']],
    ['di?/f', ['di?', 'real/f']],
    ['[[]z]', ['[[]z]', 'top']],
    ['[', ['[']],
    ['gone/*', ['gone/*']],
    ['real/f/*', ['real/f/*']],
    // the links that the first star matches are followed; the rest of it is below the star itself
    ['a*/*', ['a*', 'real/f/*']],
  ])('%s → %j', (path, reached) => {
    expect(followLinks(TREE, [path])).toEqual(reached);
  });
});

test('circles end', () => {
  expect(followLinks(TREE, ['loop'])).toEqual(['loop']);
  expect(followLinks(TREE, ['ping'])).toEqual(['ping', 'pong']);
  expect(followLinks(TREE, ['l*', 'p*'])).toEqual(['l*', 'loop', 'p*', 'ping', 'pong']);
});
