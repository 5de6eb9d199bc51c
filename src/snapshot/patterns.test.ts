import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PatternError } from './glob.js';
import { PatternSet } from './patterns.js';

const matches = (patterns: string | readonly string[], path: string) =>
  new PatternSet(typeof patterns === 'string' ? [patterns] : patterns).match(path).matched;

/** The table of moby/patternmatcher's own tests (but what is for Windows), and what it leaves out. */
const MATCHES: readonly (readonly [pattern: string, path: string, matched: boolean])[] = [
  ['**', 'file', true],
  ['**', 'file/', true],
  ['**/', 'file', true],
  ['**', '/', true],
  ['**', 'dir/file', true],
  ['**/', 'dir/file', true],
  ['**/**', 'dir/file', true],
  ['dir/**', 'dir/file', true],
  ['dir/**', 'dir/dir2/file', true],
  ['dir/**', 'dir', false],
  ['**/dir', 'dir', true],
  ['**/dir', 'dir/file', true],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/**', 'dir/dir2/dir2/file', true],
  ['**file', 'file', true],
  ['**file', 'dir/file', true],
  ['**/file', 'dir/file', true],
  ['**file', 'dir/dir/file', true],
  ['**/file*', 'dir/dir/file', true],
  ['**/file*', 'dir/dir/file.txt', true],
  ['**/file*txt', 'dir/dir/file.txt', true],
  ['**/file*.txt', 'dir/dir/file.txt', true],
  ['**/file*.txt*', 'dir/dir/file.txt', true],
  ['**/**/*.txt', 'dir/dir/file.txt', true],
  ['**/**/*.txt2', 'dir/dir/file.txt', false],
  ['**/*.txt', 'file.txt', true],
  ['**/**/*.txt', 'file.txt', true],
  ['a**/*.txt', 'a/file.txt', true],
  ['a**/*.txt', 'a/dir/file.txt', true],
  ['a**/*.txt', 'a/dir/dir/file.txt', true],
  ['a/*.txt', 'a/dir/file.txt', false],
  ['a/*.txt', 'a/file.txt', true],
  ['a/*.txt**', 'a/file.txt', true],
  ['a[b-d]e', 'ae', false],
  ['a[b-d]e', 'ace', true],
  ['a[b-d]e', 'aae', false],
  ['a[^b-d]e', 'aze', true],
  ['.*', '.foo', true],
  ['.*', 'foo', false],
  ['abc.def', 'abcdef', false],
  ['abc.def', 'abc.def', true],
  ['abc.def', 'abcZdef', false],
  ['abc?def', 'abcZdef', true],
  ['abc?def', 'abcdef', false],
  ['a\\\\', 'a\\', true],
  ['**/foo/bar', 'foo/bar', true],
  ['**/foo/bar', 'dir/foo/bar', true],
  ['**/foo/bar', 'dir/dir2/foo/bar', true],
  ['abc/**', 'abc', false],
  ['abc/**', 'abc/def', true],
  ['abc/**', 'abc/def/ghi', true],
  ['**/.foo', '.foo', true],
  ['**/.foo', 'bar.foo', false],
  ['./bar.*', 'bar.go', true],
  ['a(b)c/def', 'a(b)c/def', true],
  ['a(b)c/def', 'a(b)c/xyz', false],
  ['a.|)$(}+{bc', 'a.|)$(}+{bc', true],
  [
    'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl',
    'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl',
    true,
  ],
  ['dist/*.whl', 'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl', true],
  // a directory that matches takes all below it
  ['a', 'a/b/c', true],
  ['a/b', 'a', false],
  ['*', 'a/b', true],
  // shortcuts differ from expressions in corners
  ['**a', 'ba', true],
  ['a**', 'ab/c', true],
  ['a**', 'a', true],
  ['**/^a', '^a', true],
  // white space and dots are cleaned away
  ['  a/./b/../c ', 'a/c', true],
  // brackets: a star inside ends them
  ['a[b*]c', 'ab]c', true],
  ['a[b*]c', 'a*c', false],
  ['[*]', '*', false],
  ['[a-c]x', 'bx', true],
  ['[\\]]x', ']x', true],
  ['[[:digit:]]x', '5x', true],
  ['[[:^digit:]]x', '5x', false],
  ['[^[:alpha:]_]x', '5x', true],
  ['[\\d_]x', '7x', true],
  ['[\\d_]x', '_x', true],
  // ^ is an anchor where anything else makes an expression of the pattern
  ['^a', '^a', true],
  ['^a*', 'ab', true],
  ['^a*', '^ab', false],
  ['*^a', 'a', true],
  ['*^a', 'b^a', false],
  ['**/^a*', 'ab', true],
  ['**/^a*', 'x/ab', false],
  // a backslash means what it means in a regular expression
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['\\d*', '7up', true],
  ['\\D*', '7up', false],
  ['\\w\\w', 'ab', true],
  ['\\bin', 'in', true],
  ['\\bin', 'bin', false],
  ['app\\bin', 'appin', false],
  ['*\\Bin', 'bin', true],
  ['\\Ax\\z', 'x', true],
  ['\\pLx', 'éx', true],
  ['\\PLx', 'éx', false],
  ['\\x41', 'A', true],
  ['\\101*', 'Ab', true],
  ['[\\x41-C]x', 'Bx', true],
  ['\\Qa.b', 'a.b', false], // the dot was escaped before it was quoted
  ['\\Qa*', 'a[^/]*$', false],
  ['\\Qab\\E*', 'abc', true],
  ['\\.b', '.b', true],
];

test.each(MATCHES)('%j and %j: %j', (pattern, path, matched) => {
  expect(matches(pattern, path)).toBe(matched);
});

test.each(['[', 'a[', '[^', '[]', 'a\\', '!', ' ! ', '[a-]', '\\x', '\\R\\*', '\\pa', '\\1', '[z-a]x'])(
  '%j is refused',
  (pattern) => {
    expect(() => new PatternSet([pattern])).toThrow(PatternError);
  },
);

describe('several patterns', () => {
  test.each<[string[], string, boolean]>([
    [['**', '!util/docker/web'], 'util/docker/web/foo', false],
    [['**', '!util/docker/web', 'util/docker/web/foo'], 'util/docker/web/foo', true],
    [['**', '!dist/proxy.whl'], 'dist/proxy.whl', false],
    [['**', '!dist/*.whl'], 'dist/proxy.whl', false],
    [['!a', 'a'], 'a', true],
    [['a', '!a'], 'a', false],
    [['a', '!a/b', 'a/b/c'], 'a/b/d', false],
    [['*', '!*.md', 'README*'], 'README.md', true],
    [['', '  '], 'a', false],
  ])('%j: %s %j', (patterns, path, matched) => {
    expect(matches(patterns, path)).toBe(matched);
  });

  test('what a directory matched is handed down', () => {
    const set = new PatternSet(['a', '!a/b', 'x']);
    const a = set.match('a');
    expect(a).toEqual({ matched: true, matches: [true, false, false] });
    const b = set.match('a/b', a.matches);
    expect(b).toEqual({ matched: false, matches: [true, true, false] });
    expect(set.match('a/b/c', b.matches).matched).toBe(false);
    expect(set.match('a/c', a.matches).matched).toBe(true);
  });

  test('the pattern that decides is the last that matches the path or a folder above it', () => {
    const set = new PatternSet(['*.md', '', 'docs', '!docs/keep']);
    expect(set.deciding('x.md')).toMatchObject({ text: '*.md', index: 0, negated: false });
    expect(set.deciding('docs/a/b')).toMatchObject({ text: 'docs', index: 2 });
    expect(set.deciding('docs/keep/a')).toMatchObject({ text: 'docs/keep', index: 3, negated: true });
    expect(set.deciding('src')).toBeUndefined();
    expect([set.hasNegations, new PatternSet(['a']).hasNegations]).toEqual([true, false]);
  });
});

test('no pattern takes exponential time: this one would not end', () => {
  expect(matches(`${'**/'.repeat(40)}${'a*'.repeat(40)}b`, `${'a/'.repeat(300)}${'a'.repeat(300)}`)).toBe(false);
});

/** moby's four ways to match, with JavaScript's regular expressions, for patterns in which nothing but * ? . ^ is special. */
function oracle(pattern: string, path: string): boolean {
  if (/^[^*?]*$/.test(pattern)) return path === pattern;
  if (/^[^*?]*\*\*$/.test(pattern) && !/^\*\*$/.test(pattern)) return path.startsWith(pattern.slice(0, -2));
  const suffix = /^\*\*([^*?]*)$/.exec(pattern)?.[1];
  if (suffix !== undefined) return path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
  const expression = pattern.replace(/\*\*\/?$|\*\*\/?|\*|\?|\./g, (special, at: number) => {
    if (special === '.') return '\\.';
    if (special === '?') return '[^/]';
    if (special === '*') return '[^/]*';
    return at + special.length === pattern.length ? '.*' : '(.*/)?';
  });
  return new RegExp(`^${expression}$`, 'su').test(path);
}

test('agrees with regular expressions', () => {
  const text = (...parts: string[]) =>
    fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 7 }).map((a) => a.join(''));
  const clean = (path: string) => path !== '' && !/^\/|\/$|\/\/|(^|\/)\.\.?(\/|$)|^!/.test(path);
  const pattern = text('a', 'b', '/', '*', '**', '?', '.', '^').filter((p) => clean(p) && !/\*{3}/.test(p));
  const path = text('a', 'b', '/', '.', '^').filter((p) => clean(p));
  fc.assert(
    fc.property(pattern, path, (p, name) => {
      const above = name.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
      expect(matches(p, name)).toBe(above.some((a) => oracle(p, a)));
    }),
    { numRuns: 4000 },
  );
});

test('the last pattern that matches decides', () => {
  const line = fc.tuple(fc.boolean(), fc.constantFrom('a', 'b', 'a/b', '*', '**/b', 'a/**', '?/a', '**'));
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), path, (lines, parts) => {
      const name = parts.join('/');
      const set = new PatternSet(lines.map(([negated, p]) => (negated ? '!' : '') + p));
      const deciding = set.deciding(name);
      expect(set.match(name).matched).toBe(deciding !== undefined && !deciding.negated);
    }),
  );
});

test('patterns that make backtracking explode, or recurse deeply, come to an end', () => {
  const deep = 'a/'.repeat(40);
  expect(new PatternSet([`${'**/a/'.repeat(20)}z`]).match(deep).matched).toBe(false);
  expect(new PatternSet([`${'*a'.repeat(500)}z`]).match('a'.repeat(2000)).matched).toBe(false);
  expect(new PatternSet([`${'**/'.repeat(20_000)}a*`]).match('b').matched).toBe(false);
});

test('a path matches with the directories above it, whatever a pattern asserts at its ends', () => {
  const text = (max: number, ...parts: string[]) =>
    fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: max }).map((a) => a.join(''));
  const special = ['\\b', '\\B', '\\z', '\\A', '[a-b]', '[^/]', '\\d', '^', '\n'];
  const pattern = text(6, 'a', 'b', '/', '*', '**', '**/', '?', '.', ...special);
  const path = text(8, 'a', 'b', '/', '.', '1', '-', 'é', '\n');
  fc.assert(
    fc.property(pattern, path, (line, name) => {
      let set: PatternSet;
      try {
        set = new PatternSet([line]);
      } catch {
        return;
      }
      const alone = (each: string) => set.match(each, [false]).matched; // what is above is known not to match
      const above = name.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
      const expected = !line.startsWith('!') && above.some(alone);
      expect(set.match(name).matched).toBe(expected);
      if (!line.startsWith('!')) expect(set.deciding(name) !== undefined).toBe(expected);
    }),
    { numRuns: 3000 },
  );
});
