/** Layers of which little changed: the same bytes as from nothing, with little compressed, whatever the store holds. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readLocalTree } from '../context/local-context.js';
import { buildLayer } from '../layer/build-layer.js';
import { diffTrees } from '../snapshot/diff.js';
import { EMPTY_TREE } from '../snapshot/file-tree.js';
import { useRig } from '../test/rig.js';
import { BlobStore } from './blobs.js';
import { openPieceIndex } from './piece-index.js';

const rig = useRig();
const MIB = 1024 * 1024;

interface Written {
  readonly digest: string;
  readonly bytes: Buffer;
  /** Bytes of the tar that were compressed. */
  readonly compressed: number;
  /** Whether it was there already. */
  readonly found: boolean;
}

/** Writes the layer of the folder `ctx`, with what a store remembers, or from nothing. */
async function layer(store = rig.path('store'), { level = 1, lookup = true } = {}): Promise<Written> {
  const tree = readLocalTree(fs.realpathSync(rig.path('ctx')), { followPaths: [], excludes: [] }, new Set());
  const blobs = new BlobStore(store);
  let [compressed, reused] = [0, 0];
  let found = false;
  const made = await buildLayer(
    [...diffTrees(EMPTY_TREE, tree, () => false)],
    blobs,
    { epochSeconds: 0, compression: 'gzip', compressionLevel: level },
    {
      reuse: (codec) => openPieceIndex(blobs, codec, { lookup }),
      onBytes: (bytes) => {
        compressed = Math.max(compressed, bytes);
      },
      onReused: (bytes) => {
        reused = bytes;
      },
      onFound: () => {
        found = true;
      },
    },
  );
  const bytes = fs.readFileSync(blobs.path(made.descriptor.digest));
  return { digest: made.descriptor.digest, bytes, compressed: compressed - reused, found };
}
async function fromNothing(level = 1): Promise<string> {
  const folder = rig.path(`cold-${fs.readdirSync(rig.dir).length}`);
  return (await layer(folder, { level, lookup: false })).digest;
}

/** Text that no two stretches of are the same. */
function content(size: number, seed: string): Buffer {
  const lines: string[] = [];
  for (let at = 0; at < size; at += 64) lines.push(createHash('sha256').update(`${seed}${at}`).digest('hex'));
  return Buffer.from(lines.join('')).subarray(0, size);
}

function write(): void {
  rig.write({
    'ctx/a': content(300_000, 'a'),
    'ctx/big': content(6 * MIB + 12_345, 'big'),
    'ctx/c/1': content(700_000, 'c1'),
    'ctx/c/2': content(700_000, 'c2'),
    'ctx/z': 'end',
  });
}

/** What may happen to a layer, and how many bytes of it must be compressed again at most. */
const CHANGES: readonly (readonly [what: string, change: () => void, atMost: number])[] = [
  ['one byte in the middle of a large file', () => patch('ctx/big', 3 * MIB, 'X'), MIB],
  ['one byte in a small file', () => patch('ctx/c/1', 10, 'X'), MIB],
  ['bytes added to the end of a large file', () => fs.appendFileSync(rig.path('ctx/big'), 'more'), 2 * MIB],
  ['a file before a large one', () => rig.write({ 'ctx/aa': content(50_000, 'aa') }), MIB],
  ['a small file that is gone', () => fs.rmSync(rig.path('ctx/c/1')), MIB],
  ['nothing', () => undefined, 0],
];

function patch(file: string, at: number, text: string): void {
  const handle = fs.openSync(rig.path(file), 'r+');
  fs.writeSync(handle, text, at);
  fs.closeSync(handle);
}

test.each(CHANGES)('%s: the bytes of a build from nothing, and little compressed', async (_, change, atMost) => {
  write();
  await layer();
  change();
  const again = await layer();
  expect(again.digest).toBe(await fromNothing());
  expect(again.compressed).toBeLessThanOrEqual(atMost);
  expect(again.found).toBe(atMost === 0);
});

test('a layer that begins as one that is there, or as two of them, is written all the same', async () => {
  write();
  await layer();
  rig.write({ 'ctx/zz': content(2 * MIB, 'zz') }); // behind the last piece
  await layer();
  rig.write({ 'ctx/zz': content(MIB, 'zz') }); // ends before them
  const third = await layer();
  expect(third.found).toBe(false);
  expect(third.digest).toBe(await fromNothing());
  expect(third.compressed).toBeLessThanOrEqual(2.1 * MIB);
});

test('a byte that is inserted moves what follows in its file, and nothing behind that', async () => {
  write();
  await layer();
  const bytes = fs.readFileSync(rig.path('ctx/big'));
  fs.writeFileSync(
    rig.path('ctx/big'),
    Buffer.concat([bytes.subarray(0, 5 * MIB), Buffer.from('!'), bytes.subarray(5 * MIB)]),
  );
  const again = await layer();
  expect(again.digest).toBe(await fromNothing());
  // the piece with the header, which has the size, and those from the byte on
  expect(again.compressed).toBeLessThanOrEqual(3.1 * MIB);
});

test('pieces of several blobs come together', async () => {
  write();
  await layer();
  patch('ctx/big', 10, 'first');
  await layer();
  patch('ctx/big', 5 * MIB, 'second');
  const third = await layer();
  expect(third.compressed).toBeLessThanOrEqual(MIB);
  expect(third.digest).toBe(await fromNothing());
});

test('another level shares nothing', async () => {
  write();
  await layer();
  const other = await layer(rig.path('store'), { level: 2 });
  expect(other.compressed).toBeGreaterThan(7 * MIB);
  expect(other.digest).toBe(await fromNothing(2));
});

test('what is not to be looked up is compressed', async () => {
  write();
  await layer();
  expect((await layer(rig.path('store'), { lookup: false })).compressed).toBeGreaterThan(7 * MIB);
});

describe('what is damaged is not used', () => {
  const files = () => {
    const folder = rig.path('store/pieces/v1');
    return fs.readdirSync(folder).map((name) => path.join(folder, name));
  };
  const overwrite = (file: string, change: (bytes: Buffer) => Buffer) => {
    const bytes = change(fs.readFileSync(file));
    fs.rmSync(file);
    fs.writeFileSync(file, bytes);
  };
  const flip = (at: (length: number) => number) => (bytes: Buffer) => {
    bytes[at(bytes.length)]! ^= 1;
    return bytes;
  };

  test.each([
    ['flipped at its beginning', flip(() => 12)],
    ['flipped in the middle', flip((length) => Math.floor(length / 2))],
    ['cut', (bytes: Buffer) => bytes.subarray(0, bytes.length / 3)],
    ['empty', () => Buffer.alloc(0)],
  ])('a blob that is %s', async (_, damage) => {
    write();
    const first = await layer();
    overwrite(rig.path('store/blobs/sha256', first.digest.slice(7)), damage);
    patch('ctx/z', 0, 'END');
    const again = await layer();
    expect(again.digest).toBe(await fromNothing());
    expect(again.compressed).toBeGreaterThan(0);
  });

  test('a blob that is gone', async () => {
    write();
    const first = await layer();
    fs.rmSync(rig.path('store/blobs/sha256', first.digest.slice(7)));
    expect((await layer()).digest).toBe(first.digest);
  });

  test.each([
    ['seal', 3],
    ['offset', 36],
    ['fingerprint', 45],
    ['check', 60],
    ['checksum', 73],
    ['length', 77],
  ])('an index of which the %s is flipped', async (_, at) => {
    write();
    const first = await layer();
    overwrite(
      files()[0]!,
      flip(() => at),
    );
    const again = await layer();
    expect(again.digest).toBe(first.digest);
    expect(again.compressed).toBeGreaterThan(7 * MIB);
  });

  test('an index of another blob, or of another store', async () => {
    write();
    const first = await layer();
    const [own] = files();
    patch('ctx/big', 0, 'other');
    const second = await layer();
    const other = files().find((file) => file !== own)!;
    fs.copyFileSync(own!, other);
    expect((await layer()).digest).toBe(second.digest);
    fs.rmSync(rig.path('store/pieces/key'));
    const again = await layer();
    expect(again.digest).toBe(second.digest);
    expect(again.compressed).toBeGreaterThan(7 * MIB);
    expect(first.digest).not.toBe(second.digest);
  });
});

test('the price of pieces in size is small', async () => {
  // what compresses well pays most: text of few words
  const words = 'the quick brown fox jumps over lazy dogs wasm module layer image'.split(' ');
  let seed = 1;
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return words[seed % words.length]!;
  };
  const text = Array.from({ length: 1_500_000 }, next).join(' ');
  rig.write({ 'ctx/text': text });
  const { bytes } = await layer(rig.path('store'), { level: 6 });
  const { gzipSync } = await import('node:zlib');
  const whole = gzipSync(Buffer.from(text), { level: 6 }).length;
  expect(bytes.length / whole).toBeLessThan(1.015);
});
