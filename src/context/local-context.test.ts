import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { BuildError } from '../diagnostic/build-error.js';
import type { FileContent } from '../snapshot/content.js';
import { BUILD_TIME, type DirectoryNode, type FileNode, walkTree } from '../snapshot/file-tree.js';
import { lookup } from '../snapshot/tree-editor.js';
import { asNobody } from '../test/as-nobody.js';
import { useRig } from '../test/rig.js';
import { showTree } from '../test/trees.js';
import { stateOf } from '../util/stamp.js';
import { decodeText } from '../util/text.js';
import { readLocalTree, type TreeFilter } from './local-context.js';

const rig = useRig();

const read = (filter: Partial<TreeFilter> = {}, skip: string[] = []): DirectoryNode =>
  readLocalTree(rig.dir, { followPaths: [], excludes: [], ...filter }, new Set(skip));

const paths = (tree: DirectoryNode) => [...walkTree(tree)].map(([path]) => path);

test('modes with their twelve bits, owners 0, times with their fraction; links are read, not followed', () => {
  rig.write({
    'd/f': { content: 'text', mode: 0o4751 },
    'd/g': '',
    d: { dir: true },
    s: { dir: true, mode: 0o3770 },
    l: { symlink: '/etc/passwd' },
    dangling: { symlink: 'd/none/é' },
  });
  if (process.geteuid?.() === 0) fs.chownSync(rig.path('d/f'), 1234, 1234);
  fs.chmodSync(rig.path('d/f'), 0o4751); // chown takes set-uid away
  spawnSync('touch', ['-d', '@-1.5', rig.path('d/g')]);
  const tree = read();
  expect(showTree(tree, { modes: true, times: true })).toEqual([
    'd/ 755 @1700000000',
    'd/f "d/f" 4751 @1700000000',
    'd/g "d/g" 644 @-2.500000000',
    'dangling -> d/none/é 777 @1700000000',
    'l -> /etc/passwd 777 @1700000000',
    's/ 3770 @1700000000',
  ]);
  expect(tree).toMatchObject({ mode: 0o755, uid: 0, gid: 0, mtime: BUILD_TIME });
});

test('content is where it lies, with the state of the file', () => {
  rig.write({ 'd/f': 'text' });
  const file = lookup(read(), ['d', 'f']) as FileNode;
  expect(file).toMatchObject({ size: 4, content: { kind: 'file', path: rig.path('d/f'), offset: 0, label: 'd/f' } });
  const { stamp } = file.content as FileContent;
  const { dev, ino, size, mtimeNs, ctimeNs } = fs.lstatSync(rig.path('d/f'), { bigint: true });
  expect(stateOf(stamp!)).toEqual({ dev, ino, size, mtimeNs, ctimeNs });
});

test('the first name of an inode is the file; what is left out is no name', () => {
  rig.write({ 'b/f': '1', 'c/g': { hardlink: 'b/f' }, 'a/h': { hardlink: 'b/f' } });
  expect(showTree(read())).toEqual(['a/', 'a/h "a/h"', 'b/', 'b/f = a/h', 'c/', 'c/g = a/h']);
  expect(showTree(read({ excludes: ['a'] }))).toEqual(['b/', 'b/f "b/f"', 'c/', 'c/g = b/f']);
});

test('links with two names are two links', () => {
  rig.write({ l: { symlink: 'x' } });
  fs.linkSync(rig.path('l'), rig.path('m'));
  expect(showTree(read())).toEqual(['l -> x', 'm -> x']);
});

test('pipes are pipes, and a socket is an empty file', async () => {
  spawnSync('mkfifo', ['-m', '600', rig.path('pipe')]);
  const { createServer } = await import('node:net');
  const server = createServer().listen(rig.path('socket'));
  await new Promise((resolve) => server.on('listening', resolve));
  fs.chmodSync(rig.path('socket'), 0o755);
  const lines = showTree(read(), { modes: true });
  server.close();
  expect(lines).toEqual(['pipe (fifo) 600', 'socket "" 755']);
});

test('names that are no UTF-8 keep their bytes', () => {
  const name = Buffer.concat([Buffer.from(`${rig.dir}/`), Buffer.from([0xff, 0x41])]);
  fs.writeFileSync(name, '1');
  fs.writeFileSync(rig.path('\ufffd'), '2');
  fs.symlinkSync(Buffer.from([0xfe]), rig.path('l'));
  expect(paths(read())).toEqual(['l', '\ufffd', decodeText(Buffer.from([0xff, 0x41]))]);
  expect(lookup(read(), ['l'])).toMatchObject({ target: decodeText(Buffer.from([0xfe])) });
});

describe('what COPY reaches', () => {
  const FILES = {
    'src/a.txt': '',
    'src/deep/b.txt': '',
    'other/c': '',
    link: { symlink: 'src/deep' },
    'src/up': { symlink: '../other/c' },
  } as const;

  test.each<[string[], string[]]>([
    [[], ['link', 'other', 'other/c', 'src', 'src/a.txt', 'src/deep', 'src/deep/b.txt', 'src/up']],
    [['src/a.txt'], ['src', 'src/a.txt']],
    [['src/deep'], ['src', 'src/deep', 'src/deep/b.txt']],
    [['link/b.txt'], ['link', 'src', 'src/deep', 'src/deep/b.txt']],
    [['src/up'], ['other', 'other/c', 'src', 'src/up']],
    [['src/*.txt'], ['src', 'src/a.txt']],
    [['src/*'], ['other', 'other/c', 'src', 'src/a.txt', 'src/deep', 'src/deep/b.txt', 'src/up']],
    [['gone'], []],
    [
      ['other', '.'],
      ['link', 'other', 'other/c', 'src', 'src/a.txt', 'src/deep', 'src/deep/b.txt', 'src/up'],
    ],
  ])('%j', (followPaths, expected) => {
    rig.write(FILES);
    expect(paths(read({ followPaths }))).toEqual(expected);
  });

  test('a folder that holds nothing of it is not there, one that is empty itself is', () => {
    rig.write({ 'a/b/c.md': '', 'a/e': { dir: true } });
    expect(paths(read({ excludes: ['**/*.md'] }))).toEqual(['a', 'a/b', 'a/e']);
    expect(paths(read({ excludes: ['*', '!**/*.txt'] }))).toEqual([]);
  });

  test('the destinations of the build are never part of it', () => {
    rig.write({ 'out/x': '', 'image.tar': '', f: '' });
    expect(paths(read({}, [rig.path('out'), rig.path('image.tar')]))).toEqual(['f']);
  });
});

test('a file that a pattern behind an exception keeps out is empty, as one that BuildKit lists and then does not open', () => {
  rig.write({ 'd/e/y.txt': 'kept out', 'd/e/z': '', 'd/x.txt': 'taken back' });
  const excludes = ['**', '!**/*.txt', 'd/e'];
  for (const followPaths of [[], ['d']]) {
    const tree = read({ excludes, followPaths });
    expect(paths(tree)).toEqual(['d', 'd/e', 'd/e/y.txt', 'd/x.txt']);
    expect(lookup(tree, ['d', 'e', 'y.txt'])).toMatchObject({ size: 0, content: { kind: 'bytes' } });
    expect(lookup(tree, ['d', 'x.txt'])).toMatchObject({ size: 10, content: { kind: 'file' } });
  }
  const tree = read({ excludes: excludes.slice(0, 2) });
  expect(lookup(tree, ['d', 'e', 'y.txt'])).toMatchObject({ size: 8 });
});

describe('what cannot be read', () => {
  const failure = (filter: Partial<TreeFilter> = {}) => {
    try {
      asNobody(() => read(filter));
    } catch (error) {
      return (error as BuildError).diagnostics[0];
    }
    return undefined;
  };

  test('a closed folder is named', () => {
    rig.write({ 'a/closed/f': '', g: '' });
    fs.chmodSync(rig.path('a/closed'), 0);
    expect(failure()).toEqual({
      code: 'FileNotReadable',
      severity: 'error',
      message: 'a/closed cannot be read: permission denied',
      hint: 'make it readable, or name it in .dockerignore',
    });
  });

  test('unless it is kept out, or was only searched for exceptions', () => {
    rig.write({ 'a/closed/f': '', g: '' });
    fs.chmodSync(rig.path('a/closed'), 0);
    expect(failure({ excludes: ['a'] })).toBeUndefined();
    expect(failure({ excludes: ['*', '!**/*.txt'] })).toBeUndefined();
    expect(failure({ followPaths: ['g'] })).toBeUndefined();
    expect(failure({ followPaths: ['a/closed/f'] })).toBeUndefined(); // COPY says that it is not there
  });

  test('a folder that can be listed and not entered names what is in it', () => {
    rig.write({ 'a/f': '' });
    fs.chmodSync(rig.path('a'), 0o444);
    expect(failure()).toMatchObject({ message: 'a/f cannot be read: permission denied' });
  });
});
