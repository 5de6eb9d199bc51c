import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ERRNO } from './errno.js';
import { resolveGuestPath } from './guest-path.js';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wbuild-guest-'));
  mkdirSync(path.join(folder, 'a/b'), { recursive: true });
  writeFileSync(path.join(folder, 'a/file'), '');
  const links = {
    abs: '/a',
    host: '/etc',
    up: '../../..',
    'a/b/over': '../../../x',
    deep: 'a/b',
    loop: 'loop',
    'a/b/dot': './../file',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, path.join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The path that is used, as text; or an error number. */
function resolve(text: string, { from = '', isRoot = true, followLast = true } = {}): string | number {
  const base = { folder, isRoot };
  const found = resolveGuestPath({ base, from: from.split('/').filter(Boolean), path: text, followLast });
  return typeof found === 'number'
    ? found
    : `${found.path.join('/')}${found.slash ? '/' : ''}${found.changed ? '' : ' as given'}`;
}

test('a path without links is used as it is', () => {
  expect(resolve('a/b')).toBe('a/b as given');
  expect(resolve('a/./b/')).toBe('a/b/ as given');
  expect(resolve('.')).toBe(' as given');
  expect(resolve('new/file')).toBe('new/file as given');
  expect(resolve('file', { from: 'a' })).toBe('a/file as given');
});

test('a link of a root filesystem leads to where it leads in a container', () => {
  expect(resolve('abs/file')).toBe('a/file');
  expect(resolve('host/passwd')).toBe('etc/passwd');
  expect(resolve('up/a')).toBe('a');
  expect(resolve('a/b/over')).toBe('x');
  expect(resolve('deep/dot')).toBe('a/file');
  expect(resolve('deep/../file')).toBe('a/file'); // .. is of where the link leads
});

test('a link of a folder of the host leads nowhere outside of it', () => {
  expect(resolve('abs/file', { isRoot: false })).toBe(ERRNO.notcapable);
  expect(resolve('up/a', { isRoot: false })).toBe(ERRNO.notcapable);
  expect(resolve('a/b/over', { isRoot: false })).toBe(ERRNO.notcapable);
  expect(resolve('deep/dot', { isRoot: false })).toBe('a/file');
});

test('the program itself cannot go up from where it is', () => {
  expect(resolve('../x')).toBe(ERRNO.notcapable);
  expect(resolve('a/../../x')).toBe(ERRNO.notcapable);
  expect(resolve('../file', { from: 'a/b' })).toBe(ERRNO.notcapable);
  expect(resolve('/a')).toBe(ERRNO.notcapable);
  expect(resolve('b/../file', { from: 'a' })).toBe('a/file');
});

test('a link at the end is followed where that is asked for, or where a slash stands behind it', () => {
  expect(resolve('abs', { followLast: false })).toBe('abs as given');
  expect(resolve('abs/', { followLast: false })).toBe('a/');
  expect(resolve('abs')).toBe('a');
});

test('what cannot be followed has its number', () => {
  expect(resolve('loop/x')).toBe(ERRNO.loop);
  expect(resolve('gone/../a')).toBe(ERRNO.noent);
  expect(resolve('a/file/x/y')).toBe(ERRNO.notdir);
});
