import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { listFiles } from '../test/rig.js';
import { sha256 } from '../util/digest.js';
import { type FileState, type Stamp, stampOf, stateOf } from '../util/stamp.js';
import { StatCache } from './stat-cache.js';

const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;
const NOW = 20_000n * DAY;
const ROOT = '/some/context';
let store: string;

beforeEach(() => {
  store = fs.mkdtempSync(path.join(os.tmpdir(), 'stat-cache-'));
});

afterEach(() => fs.rmSync(store, { recursive: true, force: true }));

const stamp = (ino: number, more: Partial<FileState> = {}): Stamp =>
  stampOf({
    dev: 1n,
    ino: BigInt(ino),
    size: 5n,
    mtimeNs: NOW - 10n * SECOND,
    ctimeNs: NOW - 10n * SECOND,
    ...more,
  });

async function remember(list: readonly Stamp[], now = NOW): Promise<void> {
  const cache = new StatCache(store, ROOT);
  for (const s of list) cache.remember(s, sha256(String(stateOf(s).ino)), now);
  await cache.save(now);
}

test('a digest is known to a later build while the file is as it was', async () => {
  await remember([stamp(1)]);
  const cache = new StatCache(store, ROOT);
  expect(cache.lookup(stamp(1))).toBe(sha256('1'));
  const other: Partial<FileState>[] = [
    { dev: 2n },
    { ino: 2n },
    { size: 6n },
    { mtimeNs: NOW - 11n * SECOND },
    { ctimeNs: NOW - 10n * SECOND + 1n },
  ];
  for (const change of other) expect(cache.lookup(stamp(1, change))).toBeUndefined();
  expect(new StatCache(store, '/another').lookup(stamp(1))).toBeUndefined();
  expect(new StatCache(store, ROOT, { lookup: false }).lookup(stamp(1))).toBeUndefined();
});

test('numbers of every size are kept apart', async () => {
  const large = [
    stamp(1, { ino: 2n ** 63n - 1n }),
    stamp(2, { dev: 2n ** 40n }),
    stamp(3, { mtimeNs: -5n, ctimeNs: 0n }),
  ];
  await remember(large);
  const cache = new StatCache(store, ROOT);
  for (const s of large) expect(cache.lookup(s)).toBe(sha256(String(stateOf(s).ino)));
});

describe('a file that changed within the grain of the clock', () => {
  test.each<[string, Partial<FileState>]>([
    ['mtime', { mtimeNs: NOW - SECOND }],
    ['ctime', { ctimeNs: NOW - SECOND }],
    ['a clock that was set back', { mtimeNs: NOW + DAY, ctimeNs: NOW + DAY }],
  ])('%s is not trusted', async (_what, young) => {
    await remember([stamp(1, young)]);
    expect(new StatCache(store, ROOT).lookup(stamp(1, young))).toBeUndefined();
    expect(listFiles(store)).toEqual([]);
  });
});

test('nothing is remembered of a file system whose times do not tell every change', async () => {
  const tellsChanges = (device: bigint) => device !== 7n;
  const cache = new StatCache(store, ROOT, { tellsChanges });
  for (const s of [stamp(1), stamp(2, { dev: 7n })]) cache.remember(s, sha256('x'), NOW);
  await cache.save(NOW);
  const later = new StatCache(store, ROOT, { tellsChanges });
  expect(later.lookup(stamp(1))).toBe(sha256('x'));
  expect(later.lookup(stamp(2, { dev: 7n }))).toBeUndefined();
});

test('nothing is written when nothing was learnt', async () => {
  await remember([stamp(1)]);
  const [file] = listFiles(store).filter((f) => !f.endsWith('/'));
  fs.utimesSync(path.join(store, file!), 1, 1);
  const cache = new StatCache(store, ROOT);
  cache.lookup(stamp(1));
  await cache.save(NOW + SECOND);
  expect(fs.statSync(path.join(store, file!)).mtimeMs).toBe(1000);
});

test('older states of a file go, others stay while they are asked for once a week', async () => {
  await remember([stamp(1), stamp(2)]);
  const newer = stamp(1, { ctimeNs: NOW - 5n * SECOND });
  await remember([newer]);
  expect(new StatCache(store, ROOT).lookup(stamp(1))).toBeUndefined();
  for (const day of [5n, 10n, 15n]) {
    const cache = new StatCache(store, ROOT);
    expect(cache.lookup(newer)).toBe(sha256('1'));
    await cache.save(NOW + day * DAY);
  }
  expect(new StatCache(store, ROOT).lookup(newer)).toBe(sha256('1'));
  expect(new StatCache(store, ROOT).lookup(stamp(2))).toBeUndefined(); // not asked for since
});

test('a file that is damaged anywhere is no cache', async () => {
  await remember([stamp(1), stamp(2)]);
  const name = listFiles(store).find((f) => !f.endsWith('/'))!;
  const file = path.join(store, name);
  const whole = fs.readFileSync(file);
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1;
    fs.writeFileSync(file, bytes);
    expect(new StatCache(store, ROOT).lookup(stamp(1))).toBeUndefined();
  }
  for (const length of [0, 1, 32, whole.length - 1]) {
    fs.writeFileSync(file, whole.subarray(0, length));
    expect(new StatCache(store, ROOT).lookup(stamp(1))).toBeUndefined();
  }
  fs.writeFileSync(file, whole);
  expect(new StatCache(store, ROOT).lookup(stamp(1))).toBe(sha256('1'));
});

test('no more than 64 contexts are remembered', async () => {
  for (let i = 0; i < 70; i++) {
    const cache = new StatCache(store, `/context-${i}`);
    cache.remember(stamp(i), sha256('x'), NOW);
    await cache.save(NOW);
  }
  expect(listFiles(store).filter((f) => !f.endsWith('/'))).toHaveLength(64);
});
