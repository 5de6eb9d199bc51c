import { describe, expect, test } from '@jest/globals';
import { fileOf, type NodeSpec, type ShowOptions, showTree, treeOf } from '../test/trees.js';
import { type CopyOptions, copyTree, type OwnerIds } from './copy.js';
import { BUILD_TIME, type DirectoryNode, EMPTY_TREE } from './file-tree.js';

/** What a plain COPY says. */
const PLAIN: CopyOptions = {
  src: '/',
  dest: '/',
  mode: -1,
  modeStr: '',
  followSymlink: true,
  dirCopyContents: true,
  allowWildcard: true,
  includePatterns: [],
  excludePatterns: [],
  requiredPaths: [],
};

interface Rule extends Partial<Omit<CopyOptions, 'src' | 'dest'>> {
  readonly from: Readonly<Record<string, NodeSpec>>;
  readonly onto?: Readonly<Record<string, NodeSpec>>;
  readonly owner?: OwnerIds;
}

function copied(src: string, dest: string, { from, onto = {}, owner, ...options }: Rule): DirectoryNode {
  return copyTree(treeOf(from), treeOf(onto), { ...PLAIN, ...options, src, dest }, owner);
}

const copy = (src: string, dest: string, rule: Rule, show: ShowOptions = {}) => showTree(copied(src, dest, rule), show);

const SITE = { 'site/index.html': 'hi', 'site/css/a.css': 'a', 'app.wasm': 'app' };

describe('where a source goes', () => {
  test.each<[string, string, string, string[]]>([
    ['a file to a name', '/app.wasm', '/bin/app', ['bin/', 'bin/app "app"']],
    ['a file into a directory named with a slash', '/app.wasm', '/bin/', ['bin/', 'bin/app.wasm "app"']],
    ['a file into a directory named with /.', '/app.wasm', '/bin/.', ['bin/', 'bin/app.wasm "app"']],
    ['a file to the root', '/app.wasm', '/', ['app.wasm "app"']],
    [
      'a directory gives its contents',
      '/site',
      '/www',
      ['www/', 'www/css/', 'www/css/a.css "a"', 'www/index.html "hi"'],
    ],
    [
      'a directory with a slash too',
      '/site/',
      '/www/',
      ['www/', 'www/css/', 'www/css/a.css "a"', 'www/index.html "hi"'],
    ],
    ['nested destinations are made', '/app.wasm', '/a/b/c/', ['a/', 'a/b/', 'a/b/c/', 'a/b/c/app.wasm "app"']],
  ])('%s', (_rule, src, dest, expected) => {
    expect(copy(src, dest, { from: SITE })).toEqual(expected);
  });

  test('a file goes into a directory that is there, slash or not', () => {
    expect(copy('/app.wasm', '/bin', { from: SITE, onto: { bin: { dir: true } } })).toEqual([
      'bin/',
      'bin/app.wasm "app"',
    ]);
  });

  test('a file replaces a file and a link', () => {
    const onto = { f: 'old', l: { symlink: 'nowhere' } } as const;
    expect(copy('/app.wasm', '/f', { from: SITE, onto })).toEqual(['f "app"', 'l -> nowhere']);
    const link = { n: { symlink: 'f' }, f: 'old' } as const;
    expect(copy('/n', '/', { from: { n: 'new' }, onto: link })).toEqual(['f "old"', 'n "new"']);
    expect(copy('/n', '/n', { from: { n: 'new' }, onto: link })).toEqual(['f "new"', 'n -> f']); // named itself, it is followed
    expect(copy('/d', '/', { from: { 'd/n': 'new' }, onto: { n: { symlink: 'f' }, f: 'old' } })).toEqual([
      'f "old"',
      'n "new"',
    ]);
  });

  test('a directory merges with one that is there', () => {
    const onto = { 'www/css/b.css': 'b', 'www/index.html': 'old' };
    expect(copy('/site', '/www', { from: SITE, onto })).toEqual([
      'www/',
      'www/css/',
      'www/css/a.css "a"',
      'www/css/b.css "b"',
      'www/index.html "hi"',
    ]);
  });

  test.each([
    ['a directory in the place of a file', '/site', '/f', 'not-a-directory'],
    ['a folder below a file', '/app.wasm', '/f/x', 'not-a-directory'],
    ['a file in the place of a directory', '/x/css', '/www/', 'is-a-directory'],
    ['a source that is not there', '/nothing', '/x', 'not-found'],
    ['a file where a source has a slash behind it, below nothing', '/nothing/', '/x', 'not-found'],
  ])('%s is refused', (_what, src, dest, reason) => {
    const from = { ...SITE, 'x/css': 'a file' };
    const onto = { f: 'file', 'www/css': { dir: true } } as const;
    expect(() => copy(src, dest, { from, onto })).toThrow(expect.objectContaining({ reason }));
  });

  test('the destination that was given stays as it was', () => {
    const onto = treeOf({ 'a/f': 'old' });
    const before = showTree(onto, { modes: true, times: true });
    copyTree(treeOf({ f: 'new' }), onto, { ...PLAIN, src: '/f', dest: '/a/f' }, undefined);
    expect(showTree(onto, { modes: true, times: true })).toEqual(before);
  });
});

describe('links', () => {
  const LINKS = {
    'real/f': 'text',
    'real/up': { symlink: '../top' },
    top: 'top',
    dir: { symlink: 'real' },
    abs: { symlink: '/real' },
    file: { symlink: 'dir/f' },
    out: { symlink: '../../../top' },
    loop: { symlink: 'loop' },
    dangling: { symlink: 'gone' },
  } as const;

  test.each<[string, string, string[]]>([
    ['a link to a file is copied as the file', '/file', ['x "text"']],
    ['a link to a directory stands for its contents', '/dir', ['x/', 'x/f "text"', 'x/up -> ../top']],
    ['so does an absolute one', '/abs/', ['x/', 'x/f "text"', 'x/up -> ../top']],
    ['a link in the middle is followed', '/dir/up', ['x "top"']],
    ['a link above the root stops there', '/out', ['x "top"']],
  ])('%s', (_rule, src, expected) => {
    expect(copy(src, '/x', { from: LINKS })).toEqual(expected);
  });

  test('links inside a copied directory stay links', () => {
    expect(copy('/', '/', { from: { 'd/l': { symlink: '/etc/passwd' } } })).toEqual(['d/', 'd/l -> /etc/passwd']);
  });

  test('a link at the end stays a link where it is not to be followed', () => {
    expect(copy('/file', '/x', { from: LINKS, followSymlink: false })).toEqual(['x -> dir/f']);
  });

  test('what a link names and is not there cannot be copied', () => {
    expect(() => copy('/dangling', '/x', { from: LINKS })).toThrow(expect.objectContaining({ reason: 'not-found' }));
    expect(() => copy('/loop', '/x', { from: LINKS })).toThrow(expect.objectContaining({ reason: 'too-many-links' }));
  });

  test('links in the destination are followed, inside the image', () => {
    const onto = {
      'usr/bin': { dir: true },
      bin: { symlink: 'usr/bin' },
      out: { symlink: '../../new/place' },
    } as const;
    expect(copy('/top', '/bin/', { from: LINKS, onto })).toContain('usr/bin/top "top"');
    expect(copy('/top', '/bin', { from: LINKS, onto })).toContain('usr/bin/top "top"');
    expect(copy('/real', '/bin/x', { from: LINKS, onto })).toContain('usr/bin/x/f "text"');
    expect(copy('/top', '/out/', { from: LINKS, onto })).toContain('new/place/top "top"');
  });

  test('a directory does not go through a link below the destination', () => {
    const rule = { from: { 'd/bin/f': 'f' }, onto: { 'usr/bin': { dir: true }, bin: { symlink: 'usr/bin' } } } as const;
    expect(() => copy('/d', '/', rule)).toThrow(expect.objectContaining({ reason: 'not-a-directory' }));
  });
});

describe('hard links', () => {
  const FROM = {
    'd/a': 'text',
    'd/b': { hardlink: 'd/a' },
    'd/e/c': { hardlink: 'd/a' },
    other: { hardlink: 'd/a' },
  } as const;

  test('stay links within one source', () => {
    expect(copy('/d', '/x', { from: FROM })).toEqual(['x/', 'x/a "text"', 'x/b = x/a', 'x/e/', 'x/e/c = x/a']);
  });

  test('are two files when two sources name them, also through one wildcard', () => {
    expect(copy('/d/?', '/x/', { from: { 'd/a': 'text', 'd/b': { hardlink: 'd/a' } } })).toEqual([
      'x/',
      'x/a "text"',
      'x/b "text"',
    ]);
  });

  test('are not links of the source any more', () => {
    const source = treeOf(FROM);
    const tree = copyTree(source, source, { ...PLAIN, src: '/d', dest: '/x' }, undefined);
    expect(showTree(tree).filter((line) => line.includes('='))).toEqual([
      'd/b = d/a',
      'd/e/c = d/a',
      'other = d/a',
      'x/b = x/a',
      'x/e/c = x/a',
    ]);
  });

  test('are broken when one name is replaced', () => {
    expect(copy('/n', '/d/a', { from: { n: 'new' }, onto: FROM })).toEqual([
      'd/',
      'd/a "new"',
      'd/b "text"',
      'd/e/',
      'd/e/c = d/b',
      'other = d/b',
    ]);
  });
});

describe('modes and owners', () => {
  const FROM = {
    'd/x': { content: '', mode: 0o4711, uid: 5, gid: 6 },
    'd/s': { dir: true, mode: 0o1777, gid: 9 },
    'd/l': { symlink: 'x' },
  } as const;

  test('are those of the source, and of what is made 755 and 0:0', () => {
    expect(copy('/d', '/n/m', { from: FROM }, { modes: true })).toEqual([
      'n/ 755',
      'n/m/ 755',
      'n/m/l -> x 777',
      'n/m/s/ 1777 0:9',
      'n/m/x "" 4711 5:6',
    ]);
  });

  test('an octal mode holds for all, its lower nine bits for what is made; links keep theirs', () => {
    expect(copy('/d', '/n/m', { from: FROM, mode: 0o2750 }, { modes: true })).toEqual([
      'n/ 750',
      'n/m/ 750',
      'n/m/l -> x 777',
      'n/m/s/ 2750 0:9',
      'n/m/x "" 2750 5:6',
    ]);
  });

  test('a mode in symbols changes what is copied, not what is made', () => {
    expect(copy('/d', '/n/m', { from: FROM, modeStr: 'go-rwx,u+X' }, { modes: true })).toEqual([
      'n/ 755',
      'n/m/ 755',
      'n/m/l -> x 777',
      'n/m/s/ 1700 0:9',
      'n/m/x "" 4700 5:6',
    ]);
  });

  test('an owner holds for all, made or copied', () => {
    expect(copy('/d', '/n/m', { from: FROM, owner: { uid: 1, gid: 2 } })).toEqual([
      'n/ 1:2',
      'n/m/ 1:2',
      'n/m/l -> x 1:2',
      'n/m/s/ 1:2',
      'n/m/x "" 1:2',
    ]);
  });

  test('a directory that is there keeps its own, but one below it takes those of the source', () => {
    const onto = { t: { dir: true, mode: 0o700, uid: 7 }, 't/s': { dir: true, mode: 0o700, uid: 7 } } as const;
    expect(copy('/d', '/t', { from: FROM, onto }, { modes: true })).toEqual([
      't/ 700 7:0',
      't/l -> x 777',
      't/s/ 1777 0:9',
      't/x "" 4711 5:6',
    ]);
  });

  test('what is made below a set-gid directory inherits bit and group; what is copied does not', () => {
    const onto = { g: { dir: true, mode: 0o2775, uid: 3, gid: 4 } } as const;
    expect(copy('/f', '/g/n/m/f', { from: { f: '' }, onto }, { modes: true })).toEqual([
      'g/ 2775 3:4',
      'g/n/ 2755 0:4',
      'g/n/m/ 2755 0:4',
      'g/n/m/f "" 644',
    ]);
    expect(copy('/d', '/g/n', { from: { 'd/e/f': '' }, onto }, { modes: true })).toEqual([
      'g/ 2775 3:4',
      'g/n/ 2755 0:4',
      'g/n/e/ 755',
      'g/n/e/f "" 644',
    ]);
    const owner = { uid: 7, gid: 8 };
    expect(copy('/f', '/g/n/f', { from: { f: '' }, onto, owner, mode: 0o700 }, { modes: true })).toEqual([
      'g/ 2775 3:4',
      'g/n/ 2700 7:8',
      'g/n/f "" 700 7:8',
    ]);
  });
});

describe('times', () => {
  const FROM = {
    d: { dir: true, mtime: 5 },
    'd/e': { dir: true, mtime: 6 },
    'd/e/f': { content: '', mtime: 7, nsec: 500 },
  } as const;

  test('files and directories keep theirs; a directory that is made for them has that of the build', () => {
    expect(copy('/d', '/n/m', { from: FROM }, { times: true })).toEqual([
      'n/ @now',
      'n/m/ @5',
      'n/m/e/ @6',
      'n/m/e/f "" @7.500',
    ]);
  });

  test('a directory that is there takes the time of the source, and one that gets a file that of the build', () => {
    const onto = { t: { dir: true, mtime: 1 } } as const;
    expect(copy('/d', '/t', { from: FROM, onto }, { times: true })).toEqual(['t/ @5', 't/e/ @6', 't/e/f "" @7.500']);
    expect(copy('/d/e/f', '/t/', { from: FROM, onto }, { times: true })).toEqual(['t/ @now', 't/f "" @7.500']);
    expect(copy('/d/e/f', '/t/f', { from: FROM, onto: { ...onto, 't/f': 'old' } }, { times: true })).toEqual([
      't/ @now',
      't/f "" @7.500',
    ]);
  });

  test('the root of a stage has the time of the build', () => {
    expect(copy('/', '/n', { from: FROM }, { times: true })[0]).toBe('n/ @now');
    expect(EMPTY_TREE.mtime).toBe(BUILD_TIME);
  });
});

describe('wildcards', () => {
  const FROM = { 'a/1': '1', 'a/2': '2', 'b/3': '3', 'a.txt': 't', 'l.txt': { symlink: 'a.txt' } } as const;

  test('the contents of matched directories come side by side, links as what they name', () => {
    expect(copy('/*', '/x/', { from: FROM })).toEqual([
      'x/',
      'x/1 "1"',
      'x/2 "2"',
      'x/3 "3"',
      'x/a.txt "t"',
      'x/l.txt "t"',
    ]);
    expect(copy('/*/?', '/x/', { from: FROM })).toEqual(['x/', 'x/1 "1"', 'x/2 "2"', 'x/3 "3"']);
  });

  test('the last of several files wins where the destination is no directory', () => {
    expect(copy('/a/*', '/x', { from: FROM })).toEqual(['x "2"']);
  });

  test('no match makes nothing, not even the destination', () => {
    expect(copy('/*.md', '/x/', { from: FROM })).toEqual([]);
  });

  test('a name with brackets is written [[]', () => {
    expect(copy('/[[]x]', '/y', { from: { '[x]': '1', x: '2' } })).toEqual(['y "1"']);
    expect(copy('/[x]', '/y', { from: { '[x]': '1', x: '2' } })).toEqual(['y "2"']);
    expect(copy('/[x]', '/y', { from: { '[x]': '1', x: '2' }, allowWildcard: false })).toEqual(['y "1"']);
  });
});

describe('--exclude', () => {
  const FROM = { 'd/keep': '1', 'd/b.md': '2', 'd/s/c.md': '3', 'd/s/keep.md': '4', 'd/t/u/x': '5' };

  test.each<[string, string[], string[]]>([
    ['a name at the top', ['*.md'], ['keep "1"', 's/', 's/c.md "3"', 's/keep.md "4"', 't/', 't/u/', 't/u/x "5"']],
    ['a name anywhere', ['**/*.md'], ['keep "1"', 's/', 't/', 't/u/', 't/u/x "5"']],
    ['a folder and all below', ['t', 's'], ['b.md "2"', 'keep "1"']],
    ['an exception', ['**/*.md', '!**/keep.md'], ['keep "1"', 's/', 's/keep.md "4"', 't/', 't/u/', 't/u/x "5"']],
    ['an exception below an excluded folder', ['*', '!t/u'], ['t/', 't/u/', 't/u/x "5"']],
    [
      'nothing that begins with a slash',
      ['/keep'],
      ['b.md "2"', 'keep "1"', 's/', 's/c.md "3"', 's/keep.md "4"', 't/', 't/u/', 't/u/x "5"'],
    ],
  ])('%s', (_what, excludePatterns, expected) => {
    expect(copy('/d', '/', { from: FROM, excludePatterns })).toEqual(expected);
  });

  test('does not apply to a source that is a file', () => {
    expect(copy('/d/b.md', '/', { from: FROM, excludePatterns: ['*.md', '**'] })).toEqual(['b.md "2"']);
  });

  test('the destination is made even if nothing is left', () => {
    expect(copy('/d', '/x', { from: FROM, excludePatterns: ['*'] })).toEqual(['x/']);
  });
});

describe('--parents: patterns of what is included', () => {
  const FROM = {
    a: { dir: true, mode: 0o700, mtime: 5 },
    'a/b': { dir: true, mode: 0o711, mtime: 6 },
    'a/b/f': 'f',
    'a/b/g': 'g',
    'a/h': 'h',
  } as const;
  const parents = (includePatterns: readonly string[], rule: Partial<Rule> = {}) =>
    copy('/', '/x/', { from: FROM, includePatterns, allowWildcard: false, ...rule }, { modes: true, times: true });

  test('the folders above come with their modes, at the time of the build where something was put into them', () => {
    expect(parents(['a/b/f'])).toEqual(['x/ 755 @now', 'x/a/ 700 @now', 'x/a/b/ 711 @now', 'x/a/b/f "f" 644 @1000']);
    expect(parents(['a/b'])).toEqual([
      'x/ 755 @now',
      'x/a/ 700 @now',
      'x/a/b/ 711 @6',
      'x/a/b/f "f" 644 @1000',
      'x/a/b/g "g" 644 @1000',
    ]);
  });

  test('one that is there takes the mode of the source and keeps its owner', () => {
    const onto = { 'x/a': { dir: true, mode: 0o755, uid: 3 } } as const;
    expect(parents(['a/h'], { onto })).toEqual(['x/ 755 @now', 'x/a/ 700 3:0 @now', 'x/a/h "h" 644 @1000']);
  });

  test('** and exclusions', () => {
    expect(parents(['**/f'])).toEqual(['x/ 755 @now', 'x/a/ 700 @now', 'x/a/b/ 711 @now', 'x/a/b/f "f" 644 @1000']);
    expect(parents(['a'], { excludePatterns: ['a/b', '!a/b/g'] })).toEqual([
      'x/ 755 @now',
      'x/a/ 700 @5',
      'x/a/b/ 711 @now',
      'x/a/b/g "g" 644 @1000',
      'x/a/h "h" 644 @1000',
    ]);
  });

  test('no match makes the destination alone', () => {
    expect(parents(['nothing'])).toEqual(['x/ 755 @now']);
  });

  test('a pivot: patterns count from the folder before /./', () => {
    expect(copy('/a', '/x', { from: FROM, includePatterns: ['b/f'], allowWildcard: false })).toEqual([
      'x/',
      'x/b/',
      'x/b/f "f"',
    ]);
  });
});

test('special files are copied as they are', () => {
  expect(copy('/d', '/', { from: { 'd/p': { fifo: true, mode: 0o600 } } }, { modes: true })).toEqual(['p (fifo) 600']);
});

test('content is shared, never copied', () => {
  const file = fileOf('text');
  const source = { ...EMPTY_TREE, entries: new Map([['f', file]]) };
  const tree = copyTree(source, EMPTY_TREE, { ...PLAIN, src: '/f', dest: '/g' }, undefined);
  expect(tree.entries.get('g')).toMatchObject({ content: file.content });
});
