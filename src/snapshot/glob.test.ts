import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { treeOf } from '../test/trees.js';
import { decodeText } from '../util/text.js';
import { Glob, PatternError, resolveWildcards } from './glob.js';

/** The table of Go's own path/filepath/match_test.go, and what it leaves out. */
const MATCHES: readonly (readonly [pattern: string, name: string, matched: boolean])[] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'abc', true],
  ['a*', 'ab/c', false],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
  ['a*b*c*d*e*/f', 'axbxcxdxexxx/f', true],
  ['a*b*c*d*e*/f', 'axbxcxdxe/xxx/f', false],
  ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^b-d]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a☺b', true],
  ['a[^a]b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  ['a[^a][^a][^a]b', 'a☺b', false],
  ['[a-ζ]*', 'α', true],
  ['*[a-ζ]', 'A', false],
  ['a?b', 'a/b', false],
  ['a*b', 'a/b', false],
  ['[\\]a]', ']', true],
  ['[\\-]', '-', true],
  ['[x\\-]', 'x', true],
  ['[x\\-]', '-', true],
  ['[x\\-]', 'z', false],
  ['[\\-x]', 'x', true],
  ['[\\-x]', '-', true],
  ['*x', 'xxx', true],
  // brackets match a slash where they are told to, or not told not to
  ['a[^x]b', 'a/b', true],
  ['a[/]b', 'a/b', true],
  ['a[.-0]b', 'a/b', true],
  // no second thoughts about an earlier star
  ['*[^a]*b', 'x/yb', false],
  // ! is no negation
  ['[!a]', 'a', true],
  ['[!a]', '!', true],
  ['[!a]', 'b', false],
  // names are bytes, and a star ends at any of them
  ['*??', '€', true],
  ['*??.txt', '日.txt', true],
  ['*??.txt', 'é.txt', false],
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
];

describe('Go matches', () => {
  test.each(MATCHES)('%j with %j: %j', (pattern, name, matched) => {
    expect(new Glob(pattern).match(name)).toBe(matched);
  });

  test('bytes that are no UTF-8, one by one', () => {
    const name = decodeText(Buffer.from([0x61, 0xff, 0xfe]));
    expect(new Glob('a??').match(name)).toBe(true);
    expect(new Glob('a[\ufffd][^a]').match(name)).toBe(true); // each counts as U+FFFD
    expect(new Glob(name).match(name)).toBe(true);
    expect(new Glob('a?').match(name)).toBe(false);
  });
});

describe('malformed', () => {
  test.each([
    '[]a]',
    '[-]',
    '[x-]',
    '[-x]',
    '[a-b-c]',
    '[',
    '[^',
    '[^bc',
    'a[',
    'a\\',
    '[a-',
    'ok*[',
    '[\\',
    '[^]',
    '[]',
    'x[a-]',
  ])('%s', (pattern) => {
    expect(() => new Glob(pattern)).toThrow(PatternError);
  });

  test('also behind what can never match, and for a byte in brackets that is no character', () => {
    expect(() => new Glob('nothing/[')).toThrow(PatternError);
    expect(() => new Glob(`[${decodeText(Buffer.of(0xff))}]`)).toThrow(PatternError);
  });
});

test('no pattern takes exponential time: this one would not end', () => {
  expect(new Glob(`${'a*'.repeat(100)}b`).match('a'.repeat(5000))).toBe(false);
});

/** Tries everything, as the documentation reads. */
function naive(pattern: string, name: string): boolean {
  if (pattern === '') return name === '';
  const [c, rest] = [pattern[0]!, pattern.slice(1)];
  if (c === '*') {
    for (let i = 0; i <= name.length; i++) {
      if (naive(rest, name.slice(i))) return true;
      if (name[i] === '/') return false;
    }
    return false;
  }
  if (name === '') return false;
  if (c === '?') return name[0] !== '/' && naive(rest, name.slice(1));
  if (c === '[') {
    const end = rest.indexOf(']');
    const negated = rest[0] === '^';
    const inside = rest.slice(negated ? 1 : 0, end).includes(name[0]!);
    return inside !== negated && naive(rest.slice(end + 1), name.slice(1));
  }
  return c === name[0] && naive(rest, name.slice(1));
}

const text = (...parts: string[]) => fc.array(fc.constantFrom(...parts), { maxLength: 8 }).map((a) => a.join(''));

describe('agrees with trying everything', () => {
  test('names without slashes, with brackets', () => {
    const pattern = text('a', 'b', '*', '?', '[a]', '[^a]', '[ab]');
    fc.assert(
      fc.property(pattern, text('a', 'b', 'c'), (p, name) => expect(new Glob(p).match(name)).toBe(naive(p, name))),
      { numRuns: 3000 },
    );
  });

  test('paths, without brackets', () => {
    fc.assert(
      fc.property(text('a', '*', '?', '/'), text('a', 'b', '/'), (p, name) =>
        expect(new Glob(p).match(name)).toBe(naive(p, name)),
      ),
      { numRuns: 3000 },
    );
  });
});

describe('the paths that a source names', () => {
  const tree = treeOf({
    'a/x': '',
    'a/y/x': '',
    'b/x': '',
    'b.txt': '',
    '[z]': '',
    link: { symlink: 'a' },
    'deep/link': { symlink: '../b' },
  });

  test.each([
    ['/a/x', ['/a/x']],
    ['/*', ['/[z]', '/a', '/b', '/b.txt', '/deep', '/link']],
    ['/*/x', ['/a/x', '/b/x']],
    ['/a/*', ['/a/x', '/a/y']],
    ['/?', ['/a', '/b']],
    ['/*[^z]x', ['/a/x', '/b/x']],
    ['/[[]z]', ['/[z]']],
    ['/link/*', ['/a/x', '/a/y']],
    ['/deep/link/?', ['/b/x']],
    ['/*.md', []],
    ['/a/x/*', []],
    ['/a*/y/*', ['/a/y/x']],
    ['/./a/../b/*/', ['/b/x']],
  ])('%s', (source, paths) => {
    expect(resolveWildcards(tree, source)).toEqual(paths);
  });

  test('a part before the wildcard must be there', () => {
    expect(() => resolveWildcards(tree, '/gone/*')).toThrow(
      expect.objectContaining({ reason: 'not-found', path: '/gone' }),
    );
  });
});
