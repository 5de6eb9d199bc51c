/** The policy of the layer cache: what is asked, what is written, and how often; over fake records, imports and writers that count. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ContentDigests } from '../context/content-digests.js';
import { BuildError, fail } from '../diagnostic/build-error.js';
import type { LayerOptions } from '../layer/build-layer.js';
import type { Layer } from '../oci/image.js';
import { type Change, diffTrees } from '../snapshot/diff.js';
import { EMPTY_TREE, type FileNode } from '../snapshot/file-tree.js';
import { BlobStore } from '../store/blobs.js';
import { BuildBlobs } from '../store/build-blobs.js';
import { MemoryBlobs, MemoryRecords } from '../test/memory-store.js';
import { type NodeSpec, treeOf } from '../test/trees.js';
import { sha256 } from '../util/digest.js';
import { type CacheImport, LayerCache, type LayerCacheOptions, type WriteLayer } from './layer-cache.js';

const FORM: LayerOptions = { epochSeconds: 0, compression: 'gzip' };
let folder: string;
let records: MemoryRecords;
let blobs: BuildBlobs;
let warnings: string[];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'layer-cache-'));
  records = new MemoryRecords();
  warnings = [];
  blobs = blobsIn('store');
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function blobsIn(name: string): BuildBlobs {
  const store = new BlobStore(path.join(folder, name));
  return new BuildBlobs({
    store,
    spare: () => path.join(folder, 'spare'),
    lost: (why) => warnings.push(why),
  });
}

function cacheOf(more: Partial<LayerCacheOptions> = {}): LayerCache {
  const digests = new ContentDigests(undefined, () => 0n);
  return new LayerCache({ records, blobs, digests, lookup: true, ...more });
}

const layerOf = (specs: Readonly<Record<string, NodeSpec>>): Change[] => [
  ...diffTrees(EMPTY_TREE, treeOf(specs), () => false),
];

/** Writes the names of the entries, and says that it read every file; counts. */
function writer() {
  const calls = { count: 0 };
  const write =
    (changes: readonly Change[]): WriteLayer =>
    async (store, { onStart, onContent }): Promise<Layer> => {
      onStart?.();
      calls.count++;
      const files = changes.flatMap(({ node }) => (node.type === 'file' && node.size > 0 ? [node] : []));
      for (const file of new Set<FileNode>(files))
        onContent?.(file, file.content.kind === 'bytes' ? file.content.digest : sha256(''));
      const text = changes.map(({ path: p, node }) => `${p} ${node.mode}\n`).join('');
      const { digest, size } = await store.write(Buffer.from(text));
      return { diffID: sha256(`tar ${text}`), descriptor: { mediaType: 'layer', digest, size } };
    };
  return { calls, write };
}

const A = layerOf({ a: 'one', 'd/b': 'two' });

describe('a layer', () => {
  test('that nobody knows is written and recorded, without a lookup: its shape is unknown', async () => {
    const { calls, write } = writer();
    const first = await cacheOf().layer(A, FORM, write(A));
    expect(first).toMatchObject({ origin: 'built', missed: 'no-record' });
    expect({ ...calls, ...records.calls }).toEqual({ count: 1, hasShape: 1, lookup: 0, save: 1, forget: 0 });
  });

  test('that was written is found by another build, and not written', async () => {
    const { calls, write } = writer();
    const first = await cacheOf().layer(A, FORM, write(A));
    const second = await cacheOf().layer(A, FORM, write(A));
    expect(second).toMatchObject({ layer: first.layer, key: first.key, origin: 'cached' });
    expect({ ...calls, ...records.calls }).toMatchObject({ count: 1, lookup: 1, save: 1 });
  });

  test.each<[string, readonly Change[], LayerOptions]>([
    ['content', layerOf({ a: 'One', 'd/b': 'two' }), FORM],
    ['a mode', layerOf({ a: { content: 'one', mode: 0o600 }, 'd/b': 'two' }), FORM],
    ['an owner', layerOf({ a: { content: 'one', uid: 1 }, 'd/b': 'two' }), FORM],
    ['a name', layerOf({ A: 'one', 'd/b': 'two' }), FORM],
    ['an mtime below the epoch', layerOf({ a: { content: 'one', mtime: -5 }, 'd/b': 'two' }), FORM],
    ['a link in the place of a copy', layerOf({ a: 'one', 'd/b': { hardlink: 'a' } }), FORM],
    ['contents that changed places', layerOf({ a: 'two', 'd/b': 'one' }), FORM],
    ['the compression', A, { ...FORM, compression: 'uncompressed' }],
    ['its level', A, { ...FORM, compressionLevel: 6 }],
    ['the epoch', A, { ...FORM, epochSeconds: 7 }],
  ])('that differs in %s is written', async (_what, changes, form) => {
    const { calls, write } = writer();
    const first = await cacheOf().layer(A, FORM, write(A));
    const second = await cacheOf().layer(changes, form, write(changes));
    expect([second.origin, calls.count]).toEqual(['built', 2]);
    expect(second.key).not.toEqual(first.key);
  });

  test('that differs in an mtime above the epoch is the same', async () => {
    const { calls, write } = writer();
    await cacheOf().layer(A, FORM, write(A));
    const touched = layerOf({ a: { content: 'one', mtime: 99, nsec: 5 }, 'd/b': 'two' });
    expect(await cacheOf().layer(touched, FORM, write(touched))).toMatchObject({ origin: 'cached' });
    expect(calls.count).toBe(1);
  });

  test('is written under --no-cache, and recorded for the next build', async () => {
    const { calls, write } = writer();
    await cacheOf().layer(A, FORM, write(A));
    expect(await cacheOf({ lookup: false }).layer(A, FORM, write(A))).toMatchObject({ origin: 'built', missed: 'off' });
    expect({ ...calls, ...records.calls }).toMatchObject({ count: 2, lookup: 0, save: 2 });
  });

  test('whose blob is gone, or of another size, is written', async () => {
    const { calls, write } = writer();
    const { layer } = await cacheOf().layer(A, FORM, write(A));
    const file = blobs.store.path(layer.descriptor.digest);
    for (const damage of [() => fs.rmSync(file), () => fs.truncateSync(file, 1)]) {
      damage();
      const again = await cacheOf().layer(A, FORM, write(A));
      expect(again).toMatchObject({ origin: 'built', missed: 'no-blob', layer });
      expect(await cacheOf().layer(A, FORM, write(A))).toMatchObject({ origin: 'cached' });
    }
    expect(calls.count).toBe(3);
  });

  test('that is discarded is forgotten, and said to have lost its blob', async () => {
    const { write } = writer();
    const cache = cacheOf();
    const first = await cache.layer(A, FORM, write(A));
    await cache.discard(first);
    expect(await blobs.store.has(first.layer.descriptor.digest)).toBe(false);
    expect(records.records.size).toBe(0);
    expect(await cache.layer(A, FORM, write(A))).toMatchObject({ origin: 'built', missed: 'no-blob' });
  });

  test('without reading whose files it was written is a bug, and never recorded', async () => {
    const write: WriteLayer = async (store) => {
      const { digest, size } = await store.write(Buffer.from('x'));
      return { diffID: sha256(''), descriptor: { mediaType: 'layer', digest, size } };
    };
    await expect(cacheOf().layer(A, FORM, write)).rejects.toThrow('and 0 of its 2 files read');
    expect(records.calls.save).toBe(0);
  });

  test('whose writing fails leaves no record', async () => {
    const failing: WriteLayer = async () => fail({ code: 'FileChanged', message: 'it changed' });
    await expect(cacheOf().layer(A, FORM, failing)).rejects.toThrow('it changed');
    expect(records.records.size).toBe(0);
  });
});

describe('a failing backend is a miss', () => {
  const broken = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));

  test.each(['hasShape', 'lookup', 'save'] as const)('%s', async (method) => {
    const { calls, write } = writer();
    if (method === 'lookup') await cacheOf().layer(A, FORM, write(A));
    Object.assign(records, { [method]: broken });
    expect(await cacheOf().layer(A, FORM, write(A))).toMatchObject({ origin: 'built' });
    expect(calls.count).toBe(method === 'lookup' ? 2 : 1);
  });

  test('a store that cannot be written: the layer is in the spare one, unrecorded, with one warning', async () => {
    fs.writeFileSync(path.join(folder, 'store'), 'a file');
    const { calls, write } = writer();
    const cache = cacheOf();
    const { layer } = await cache.layer(A, FORM, write(A));
    const other = layerOf({ z: 'z' });
    await cache.layer(other, FORM, write(other));
    expect(calls.count).toBe(3); // tried once in the store
    expect(records.calls.save).toBe(0);
    expect(warnings).toHaveLength(1);
    expect(await blobs.isWhole(layer.descriptor.digest)).toBe(true);
  });
});

describe('an import', () => {
  /** A cache that holds what `write` makes of the changes. */
  async function importOf(changes: readonly Change[]) {
    const from = { records: new MemoryRecords(), content: new MemoryBlobs() };
    const there = blobsIn('there');
    const digests = new ContentDigests(undefined, () => 0n);
    const made = await new LayerCache({ records: from.records, blobs: there, digests, lookup: true }).layer(
      changes,
      FORM,
      writer().write(changes),
    );
    for await (const chunk of there.read(made.layer.descriptor.digest)) await from.content.write(chunk);
    const problems: BuildError[] = [];
    const source: CacheImport = {
      hasShape: (shape) => from.records.hasShape(shape),
      lookup: (key) => from.records.lookup(key),
      read: (digest) => from.content.read(digest),
      damaged: (error) => problems.push(error),
    };
    return { ...from, made, source, problems };
  }

  test('gives a layer that the store lacks, which then has it', async () => {
    const { source, made } = await importOf(A);
    const { calls, write } = writer();
    expect(await cacheOf({ imports: [source] }).layer(A, FORM, write(A))).toMatchObject({
      layer: made.layer,
      key: made.key,
      origin: 'imported',
    });
    expect(await cacheOf().layer(A, FORM, write(A))).toMatchObject({ origin: 'cached' });
    expect(calls.count).toBe(0);
  });

  test('is not asked for what the store has, nor under --no-cache', async () => {
    const { source, records: there } = await importOf(A);
    const { write } = writer();
    await cacheOf().layer(A, FORM, write(A));
    const before = there.calls.lookup;
    expect(await cacheOf({ imports: [source] }).layer(A, FORM, write(A))).toMatchObject({ origin: 'cached' });
    expect(await cacheOf({ imports: [source], lookup: false }).layer(A, FORM, write(A))).toMatchObject({
      missed: 'off',
    });
    expect(there.calls.lookup).toBe(before);
  });

  test('that is damaged is told, and the next one is asked', async () => {
    const bad = await importOf(A);
    const good = await importOf(A);
    for (const [digest, bytes] of bad.content.blobs) bad.content.blobs.set(digest, Buffer.from(bytes).fill(0));
    const { calls, write } = writer();
    const imports = [bad.source, good.source];
    expect(await cacheOf({ imports }).layer(A, FORM, write(A))).toMatchObject({ origin: 'imported' });
    expect(bad.problems[0]).toBeInstanceOf(BuildError);
    expect([bad.problems.length, good.problems.length, calls.count]).toEqual([1, 0, 0]);
  });

  test('that is damaged, with no other: the layer is written, and nothing of it stays in the store', async () => {
    const { source, content, made } = await importOf(A);
    content.blobs.clear();
    const { calls, write } = writer();
    expect(await cacheOf({ imports: [source] }).layer(A, FORM, write(A))).toMatchObject({ origin: 'built' });
    expect(calls.count).toBe(1);
    expect(await blobs.store.isWhole(made.layer.descriptor.digest)).toBe(true);
  });
});
