import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { listFiles } from '../test/rig.js';
import { type Digest, hexOf, sha256 } from '../util/digest.js';
import { BlobStore } from './blobs.js';
import { ImageIndex } from './image-index.js';
import { processName } from './lock.js';
import { pruneStore } from './prune.js';
import { FolderRecords } from './records.js';
import { readUsage } from './usage.js';
import { verifyStore } from './verify.js';

const HOUR = 3_600_000;
const NOW = Date.now();
let folder: string;
let store: BlobStore;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'prune-'));
  store = new BlobStore(folder);
  fs.mkdirSync(path.join(folder, 'builds'));
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A blob, and a record that leads to it, used so many hours ago. */
async function layer(text: string, hours: number): Promise<Digest> {
  const { digest, size } = await store.write(Buffer.from(text));
  const records = new FolderRecords(folder);
  const key = { shape: sha256(`shape of ${text}`), content: sha256(text) };
  await records.save(key, { diffID: sha256(text), mediaType: 'layer', digest, size });
  const used = (NOW - hours * HOUR) / 1000;
  fs.utimesSync(path.join(records.folder, hexOf(key.shape), `${hexOf(key.content)}.json`), used, used);
  fs.utimesSync(store.path(digest), used, used);
  return digest;
}

async function image(name: string, layers: readonly Digest[], hours: number): Promise<void> {
  const describe_ = (digest: Digest) => ({ mediaType: 'layer', digest, size: 1 });
  const config = await store.write(Buffer.from(`config of ${name}`));
  const manifest = JSON.stringify({ config: describe_(config.digest), layers: layers.map(describe_) });
  const { digest, size } = await store.write(Buffer.from(manifest));
  for (const d of [digest, config.digest])
    fs.utimesSync(store.path(d), (NOW - hours * HOUR) / 1000, (NOW - hours * HOUR) / 1000);
  await new ImageIndex(folder).tag([name], { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size });
}

const left = () => fs.readdirSync(path.join(folder, 'blobs/sha256')).sort();
const records = async () => (await readUsage(store)).records.length;

describe('prune', () => {
  test('without options removes what nothing refers to and is old, and nothing else', async () => {
    const kept = await layer('kept', 1000);
    const young = await store.write(Buffer.from('young'));
    const old = await store.write(Buffer.from('old'));
    fs.utimesSync(store.path(old.digest), (NOW - 2 * HOUR) / 1000, (NOW - 2 * HOUR) / 1000);
    const result = await pruneStore(store, { now: NOW });
    expect(result).toEqual({ records: 0, blobs: [old], bytes: 3 });
    expect(left()).toEqual([kept, young.digest].map(hexOf).sort());
  });

  test('by age goes by last use', async () => {
    const [used] = [await layer('used', 1), await layer('idle', 48)];
    expect(await pruneStore(store, { olderThanMs: 24 * HOUR, now: NOW })).toMatchObject({ records: 1, bytes: 4 });
    expect(left()).toEqual([hexOf(used!)]);
  });

  test('by size takes those that were not used for the longest time, until it fits', async () => {
    await layer('4444', 4);
    await layer('33333', 3);
    const kept = [await layer('222222', 2), await layer('1111111', 1)];
    expect(await pruneStore(store, { maxSize: 13, now: NOW })).toMatchObject({ records: 2, bytes: 9 });
    expect(left()).toEqual(kept.map(hexOf).sort());
    expect(await pruneStore(store, { maxSize: 13, now: NOW })).toMatchObject({ records: 0, bytes: 0 });
  });

  test('leaves images whole, also with --all', async () => {
    const needed = await layer('needed', 1000);
    await layer('other', 1000);
    await image('docker.io/me/app:latest', [needed], 1000);
    await pruneStore(store, { all: true, now: NOW });
    expect(await records()).toBe(0);
    expect(left()).toHaveLength(3);
    expect(await verifyStore(store)).toMatchObject({ damaged: [], broken: [] });
    await new ImageIndex(folder).untag('docker.io/me/app:latest');
    await pruneStore(store, { all: true, now: NOW });
    expect(left()).toEqual([]);
  });

  test('a blob of two records stays while one is left', async () => {
    const digest = await layer('shared', 48);
    const key = { shape: sha256('other'), content: sha256('other') };
    await new FolderRecords(folder).save(key, { diffID: sha256('x'), mediaType: 'layer', digest, size: 6 });
    expect(await pruneStore(store, { olderThanMs: 24 * HOUR, now: NOW })).toMatchObject({ records: 1, blobs: [] });
    expect(left()).toEqual([hexOf(digest)]);
  });

  test('leaves what is younger than the oldest build that runs, and clears up after those that died', async () => {
    const running = path.join(folder, 'builds', `build-${processName()}-x`);
    fs.mkdirSync(running);
    const dead = path.join(folder, 'builds', `build-999999999-${processName().split('-')[1]}-x`);
    fs.mkdirSync(dead);
    fs.writeFileSync(path.join(dead, 'spool'), 'x');
    const fresh = await store.write(Buffer.from('fresh'));
    await pruneStore(store, { all: true, now: NOW });
    expect(left()).toEqual([hexOf(fresh.digest)]);
    expect(fs.readdirSync(path.join(folder, 'builds'))).toEqual([path.basename(running)]);
    fs.rmdirSync(running);
    await pruneStore(store, { all: true, now: NOW });
    expect(left()).toEqual([]);
  });

  test('follows no link out of the store', async () => {
    await layer('x', 48);
    const outside = fs.mkdtempSync(path.join(os.tmpdir(), 'outside-'));
    fs.writeFileSync(path.join(outside, 'precious'), 'x');
    fs.symlinkSync(outside, path.join(folder, 'builds', `build-999999999-${processName().split('-')[1]}-x`));
    fs.symlinkSync(path.join(outside, 'precious'), path.join(folder, 'blobs/sha256', 'f'.repeat(64)));
    fs.symlinkSync(path.join(outside, 'precious'), path.join(folder, 'tmp', 'f'.repeat(16)));
    await pruneStore(store, { all: true, now: NOW + 1000 * HOUR });
    await verifyStore(store);
    expect(fs.readFileSync(path.join(outside, 'precious'), 'utf8')).toBe('x');
    fs.rmSync(outside, { recursive: true });
  });

  test.each(['an empty folder', 'a folder with files', 'an OCI layout of somebody'])(
    'touches nothing in %s',
    async (what) => {
      fs.rmSync(folder, { recursive: true });
      fs.mkdirSync(path.join(folder, 'blobs/sha256'), { recursive: true });
      if (what !== 'an empty folder') fs.writeFileSync(path.join(folder, 'blobs/sha256', 'a'.repeat(64)), 'mine');
      if (what.startsWith('an OCI'))
        fs.writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
      const before = listFiles(folder);
      const error = await pruneStore(store, { all: true, now: NOW }).catch((e) => e);
      expect(error).toBeInstanceOf(BuildError);
      expect(await verifyStore(store).catch((e) => e)).toBeInstanceOf(BuildError);
      expect(listFiles(folder)).toEqual(before);
    },
  );
});

describe('usage', () => {
  test('knows what refers to what; a manifest that is damaged leads nowhere', async () => {
    const one = await layer('one', 1);
    await image('docker.io/me/app:1', [one], 1);
    const before = await readUsage(store);
    expect([...before.images.get('docker.io/me/app:1')!]).toHaveLength(3);
    expect([before.blobs.length, before.records.length]).toEqual([3, 1]);
    const manifest = (await new ImageIndex(folder).find('docker.io/me/app:1'))!;
    fs.rmSync(store.path(manifest.digest));
    expect([...(await readUsage(store)).images.get('docker.io/me/app:1')!]).toEqual([manifest.digest]);
    expect(await verifyStore(store)).toMatchObject({ broken: ['docker.io/me/app:1'], damaged: [] });
  });
});
