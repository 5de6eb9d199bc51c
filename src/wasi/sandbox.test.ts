import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ERRNO } from './errno.js';
import { type Syscalls, sandboxed } from './sandbox.js';
import { ScratchCall } from './scratch.js';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wbuild-sandbox-'));
  mkdirSync(path.join(folder, 'dir'));
  writeFileSync(path.join(folder, 'dir/file'), '');
  symlinkSync('/dir', path.join(folder, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Calls as they would reach node:wasi, with the text that stands where the path should be. */
let reached: string[] = [];
let bytes: Buffer;
let calls: Syscalls;

const RIGHTS_READ = 2n;
const RIGHTS_WRITE = 64n;

function setUp(writable: boolean): void {
  reached = [];
  const buffer = new ArrayBuffer(65536);
  bytes = Buffer.from(buffer);
  bytes.fill(0xaa);
  let next = 7;
  const text = (at: number, size: number) => bytes.toString('latin1', at, at + size);
  const base: Syscalls = {
    path_open: (fd, _lookup, at, size, ...rest) => {
      reached.push(`open ${fd} ${text(at, size)}`);
      bytes.writeUInt32LE(next++, rest[4]);
      return 0;
    },
    path_rename: (from, at, size, to, at2, size2) => {
      reached.push(`rename ${from} ${text(at, size)} ${to} ${text(at2, size2)}`);
      return 0;
    },
    path_symlink: (at, size, fd, at2, size2) => {
      reached.push(`symlink ${text(at, size)} ${fd} ${text(at2, size2)}`);
      return 0;
    },
    fd_close: () => 0,
    fd_renumber: () => 0,
    fd_filestat_set_size: () => 0,
    fd_write: () => (reached.push('write') < 3 ? ERRNO.again : 0),
    fd_fdstat_set_flags: () => 0,
  };
  const preopens = [{ guest: '/', folder, isRoot: true, writable }];
  calls = sandboxed(base, preopens, { memory: () => ({ buffer }), sleep: () => undefined });
}

/** Puts a path into the memory. */
function put(at: number, name: string): [number, number] {
  bytes.write(name, at, 'latin1');
  return [at, name.length];
}

const open = (fd: number, name: string, { follow = 1, oflags = 0, rights = RIGHTS_READ } = {}) =>
  calls.path_open!(fd, follow, ...put(100, name), oflags, rights, 0n, 0, 200);

describe('reading', () => {
  beforeEach(() => setUp(false));

  test('a path without links goes as it is, one with links as what they lead to', () => {
    expect(open(3, 'dir/file')).toBe(0);
    expect(open(3, 'link/file')).toBe(0);
    expect(open(3, 'link')).toBe(0);
    expect(open(3, 'link', { follow: 0 })).toBe(0);
    expect(reached).toEqual(['open 3 dir/file', 'open 3 dir/file', 'open 3 dir', 'open 3 link']);
  });

  test('the memory is as it was, but for what the call wrote', () => {
    const before = Buffer.from(bytes);
    open(3, 'link/file');
    before.write('link/file', 100, 'latin1');
    before.writeUInt32LE(7, 200);
    expect(bytes.equals(before)).toBe(true);
  });

  test('paths begin at the folder that was opened', () => {
    open(3, 'link'); // is 7
    expect(open(7, 'file')).toBe(0);
    expect(open(7, '../link')).toBe(ERRNO.notcapable);
    expect(open(7, '../../x')).toBe(ERRNO.notcapable);
    expect(reached.slice(1)).toEqual(['open 7 file']);
  });

  test('descriptors are followed through renumber and close', () => {
    open(3, 'dir'); // is 7
    expect(calls.fd_renumber!(3, 9)).toBe(0);
    expect(open(9, 'link/file')).toBe(0);
    expect(reached.at(-1)).toBe('open 9 dir/file');
    expect(calls.fd_close!(9)).toBe(0);
    expect(open(7, 'file')).toBe(0);
    setUp(false);
    calls.fd_close!(3);
    expect(open(3, 'link/file')).toBe(0); // node:wasi says that there is no such descriptor
    expect(reached).toEqual(['open 3 link/file']);
  });

  test('what changes is refused without reaching anything', () => {
    expect(open(3, 'new', { oflags: 1 })).toBe(ERRNO.rofs);
    expect(open(3, 'dir/file', { oflags: 8 })).toBe(ERRNO.rofs);
    expect(open(3, 'dir/file', { rights: RIGHTS_WRITE })).toBe(ERRNO.rofs);
    expect(calls.path_rename!(3, ...put(100, 'a'), 3, ...put(300, 'b'))).toBe(ERRNO.rofs);
    expect(calls.path_symlink!(...put(100, 'a'), 3, ...put(300, 'b'))).toBe(ERRNO.rofs);
    expect(reached).toEqual([]);
    open(3, 'dir/file'); // is 7
    expect(calls.fd_filestat_set_size!(7, 0n)).toBe(ERRNO.rofs);
  });
});

test('both paths of a call are resolved, and what else it reads stays', () => {
  setUp(true);
  expect(calls.path_rename!(3, ...put(100, 'link/file'), 3, ...put(300, 'link/other'))).toBe(0);
  expect(calls.path_symlink!(...put(0, 'target'), 3, ...put(300, 'link/new'))).toBe(0);
  expect(open(3, 'new', { oflags: 1, rights: RIGHTS_WRITE })).toBe(0);
  expect(reached).toEqual(['rename 3 dir/file 3 dir/other', 'symlink target 3 dir/new', 'open 3 new']);
});

test('a standard stream that does not wait is waited for, unless the program wants it so', () => {
  setUp(false);
  expect(calls.fd_write!(1, 0, 0, 0)).toBe(0);
  expect(reached).toHaveLength(3);
  reached = [];
  calls.fd_fdstat_set_flags!(1, 4);
  expect(calls.fd_write!(1, 0, 0, 0)).toBe(ERRNO.again);
});

test('room is lent where nothing is that the call uses; where there is none, there is none', () => {
  const memory = { buffer: new ArrayBuffer(32) };
  const call = new ScratchCall(memory, [[0, 8]]);
  expect(call.read(30, 4)).toBeUndefined();
  expect(call.read(24, 8)).toBe('\0'.repeat(8));
  expect(call.lend('abcd')).toBe(8);
  expect(call.lend('efghijkl')).toBe(12);
  expect(call.lend('12345')).toBeUndefined();
  call.restore();
  expect(Buffer.from(memory.buffer).every((byte) => byte === 0)).toBe(true);
});
