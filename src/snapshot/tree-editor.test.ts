import { describe, expect, test } from '@jest/globals';
import { fileOf, showTree, treeOf } from '../test/trees.js';
import { lookup, resolvePath, TreeEditor, TreeError } from './tree-editor.js';

describe('an editor', () => {
  test('copies what it changes and shares the rest', () => {
    const before = treeOf({ 'a/f': '1', 'b/g': '2' });
    const editor = new TreeEditor(before);
    editor.create('/a/new', fileOf('3'));
    const after = editor.finish();
    expect(showTree(before)).toEqual(['a/', 'a/f "1"', 'b/', 'b/g "2"']);
    expect(showTree(after)).toEqual(['a/', 'a/f "1"', 'a/new "3"', 'b/', 'b/g "2"']);
    expect(lookup(after, ['b'])).toBe(lookup(before, ['b']));
    expect(lookup(after, ['a', 'f'])).toBe(lookup(before, ['a', 'f']));
  });

  test('gives the time of the build to directories in which something is made or removed, and to no other', () => {
    const editor = new TreeEditor(treeOf({ 'a/f': '', 'b/f': '', 'c/d/e': '' }));
    editor.create('/a/g', fileOf(''));
    editor.remove('/b/f');
    editor.setDirectory('/c/d', { mode: 0o700 });
    expect(showTree(editor.finish(), { times: true })).toEqual([
      'a/ @now',
      'a/f "" @1000',
      'a/g "" @1000',
      'b/ @now',
      'c/ @1000',
      'c/d/ @1000',
      'c/d/e "" @1000',
    ]);
  });

  test('lets a directory inherit set-gid and its group, never set-uid; sticky is a mode like any other', () => {
    const editor = new TreeEditor(treeOf({ g: { dir: true, mode: 0o6775, uid: 1, gid: 2 } }));
    editor.mkdir('/g/a', 0o1755);
    editor.mkdir('/h', 0o6755);
    expect(showTree(editor.finish(), { modes: true })).toEqual(['g/ 6775 1:2', 'g/a/ 3755 0:2', 'h/ 755']);
  });

  test('forgets a directory that it removed, and what was in it', () => {
    const editor = new TreeEditor(treeOf({ 'd/s/f': '' }));
    editor.create('/d/s/g', fileOf(''));
    editor.remove('/d');
    expect(editor.lstat('/d/s/g')).toBeUndefined();
    editor.mkdir('/d', 0o755);
    expect(() => editor.create('/d/s/h', fileOf(''))).toThrow(expect.objectContaining({ reason: 'not-a-directory' }));
    expect(showTree(editor.finish())).toEqual(['d/']);
  });

  test('refuses what a file system would', () => {
    const editor = new TreeEditor(treeOf({ f: '' }));
    expect(() => editor.create('/f/x', fileOf(''))).toThrow(TreeError);
    expect(() => editor.mkdir('/gone/x', 0o755)).toThrow(expect.objectContaining({ reason: 'not-a-directory' }));
    expect(() => editor.remove('/')).toThrow(expect.objectContaining({ reason: 'invalid' }));
  });
});

describe('a path is resolved inside the tree', () => {
  const tree = treeOf({
    'a/b/f': 'text',
    'a/up': { symlink: '..' },
    'a/b/abs': { symlink: '/a/b' },
    one: { symlink: 'two' },
    two: { symlink: 'a/b' },
    out: { symlink: '../../etc' },
    gone: { symlink: 'not/here' },
    loop: { symlink: './loop' },
    ping: { symlink: 'pong' },
    pong: { symlink: 'ping' },
    empty: { symlink: '' },
    file: '',
  });

  test.each([
    ['/', '/'],
    ['/a/b/f', '/a/b/f'],
    ['a//b/./f/', '/a/b/f'],
    ['/one/f', '/a/b/f'],
    ['/a/b/abs/abs/f', '/a/b/f'],
    ['/a/up/one', '/a/b'],
    ['/a/../../two', '/a/b'],
    ['/out/passwd', '/etc/passwd'],
    ['/gone', '/not/here'],
    ['/gone/too', '/not/here/too'],
    ['/empty/a', '/a'],
    ['/new/x/../y', '/new/y'],
  ])('%s → %s', (path, resolved) => {
    expect(resolvePath(tree, path)).toBe(resolved);
  });

  test('a link at the end is kept on request', () => {
    expect(resolvePath(tree, '/a/up/one', { last: false })).toBe('/one');
  });

  test.each([
    ['/loop', 'too-many-links'],
    ['/ping/x', 'too-many-links'],
    ['/file/x', 'not-a-directory'],
  ])('%s: %s', (path, reason) => {
    expect(() => resolvePath(tree, path)).toThrow(expect.objectContaining({ reason }));
  });

  test('255 links are followed, 256 are not', () => {
    const chain = (n: number) =>
      treeOf(Object.fromEntries(Array.from({ length: n }, (_, i) => [`l${i}`, { symlink: `l${i + 1}` }])));
    expect(resolvePath(chain(255), '/l0')).toBe('/l255');
    expect(() => resolvePath(chain(256), '/l0')).toThrow(expect.objectContaining({ reason: 'too-many-links' }));
  });
});
