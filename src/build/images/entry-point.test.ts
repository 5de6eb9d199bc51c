import { expect, test } from '@jest/globals';
import { type DirectoryNode, EMPTY_TREE, type Node } from '../../snapshot/file-tree.js';
import { sha256 } from '../../util/digest.js';
import { commandOf, findEntryPoint } from './entry-point.js';

const meta = { mode: 0o755, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };
const file: Node = {
  type: 'file',
  ...meta,
  size: 0,
  content: { kind: 'bytes', bytes: new Uint8Array(), digest: sha256('') },
};
const link = (target: string): Node => ({ type: 'symlink', ...meta, target });
const dir = (entries: Readonly<Record<string, Node>>): DirectoryNode => ({
  ...EMPTY_TREE,
  entries: new Map(Object.entries(entries)),
});

const tree = dir({
  'app.wasm': file,
  srv: dir({ 'app.wasm': file, 'only.wasm': file, sub: dir({ 'x.wasm': file }) }),
  bin: dir({ 'tool.wasm': file, 'app.wasm': link('/srv/app.wasm') }),
  round: link('round'),
});

const find = (word: string, workingDir = '/', path?: string) => {
  const found = findEntryPoint(tree, word, { path, workingDir });
  return found && `${found.path} ${found.start}`;
};

test('a name is looked up in PATH, then in the working folder', () => {
  expect(find('app.wasm')).toBe('app.wasm _start');
  expect(find('app.wasm', '/srv')).toBe('srv/app.wasm _start');
  expect(find('tool.wasm', '/srv', '/usr/bin:/bin')).toBe('bin/tool.wasm _start');
  expect(find('app.wasm', '/', '/bin')).toBe('srv/app.wasm _start'); // by a link
  expect(find('only.wasm')).toBeUndefined();
});

test('a path is that path', () => {
  expect(find('/srv/only.wasm', '/bin')).toBe('srv/only.wasm _start');
  expect(find('sub/x.wasm', 'srv')).toBe('srv/sub/x.wasm _start');
  expect(find('./app.wasm', '/srv', '/bin')).toBe('srv/app.wasm _start');
  expect(find('/srv')).toBeUndefined();
  expect(find('/app.wasm/x')).toBeUndefined();
  expect(find('/round')).toBeUndefined();
});

test('a function may be named behind it', () => {
  expect(find('app.wasm#run')).toBe('app.wasm run');
  expect(find('/app.wasm#')).toBe('app.wasm _start');
  expect(find('#run')).toBeUndefined();
});

test('arguments take the place of Cmd', () => {
  expect(commandOf({ Entrypoint: ['a'], Cmd: ['b'] }, [])).toEqual(['a', 'b']);
  expect(commandOf({ Entrypoint: ['a'], Cmd: ['b'] }, ['c', 'd'])).toEqual(['a', 'c', 'd']);
  expect(commandOf({ Cmd: ['b'] }, [])).toEqual(['b']);
  expect(commandOf({ Entrypoint: null, Cmd: null }, [])).toEqual([]);
});
