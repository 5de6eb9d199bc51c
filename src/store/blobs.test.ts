import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { removeTree } from '../util/atomic-write.js';
import { hexOf, sha256 } from '../util/digest.js';
import { BlobStore } from './blobs.js';

let dir: string;
let store: BlobStore;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'blobs-'));
  store = new BlobStore(path.join(dir, 'cache', 'store'));
});

afterEach(() => removeTree(dir));

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

async function diagnosticOf(work: Promise<unknown>) {
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BuildError);
  return (error as BuildError).diagnostics[0]!;
}

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part as string);
}

const HELLO = sha256('hello');

test('what is written is read, and lies where an OCI layout has it', async () => {
  expect(await store.has(HELLO)).toBe(false);
  expect(await store.write(chunks('hel', 'lo'))).toEqual({ digest: HELLO, size: 5 });
  expect(await store.has(HELLO)).toBe(true);
  expect(String(await collect(store.read(HELLO)))).toBe('hello');
  expect(store.path(HELLO)).toBe(path.join(store.folder, 'blobs/sha256', hexOf(HELLO)));
  expect(fs.readFileSync(path.join(store.folder, 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
  expect(JSON.parse(fs.readFileSync(path.join(store.folder, 'index.json'), 'utf8'))).toMatchObject({ manifests: [] });
  expect(fs.readdirSync(path.join(store.folder, 'tmp'))).toEqual([]);
});

test('bytes at once, an empty blob, and one of several chunks', async () => {
  const big = Buffer.alloc(2_500_000, 'xyz');
  for (const bytes of [Buffer.alloc(0), Buffer.from('x'), big]) {
    const { digest, size } = await store.write(bytes);
    expect({ digest, size }).toEqual({ digest: sha256(bytes), size: bytes.length });
    expect((await collect(store.read(digest))).equals(bytes)).toBe(true);
  }
});

test('a store that is there keeps its index', async () => {
  await store.write(Buffer.from('a'));
  fs.writeFileSync(path.join(store.folder, 'index.json'), '{"mine":true}');
  await new BlobStore(store.folder).write(Buffer.from('b'));
  expect(fs.readFileSync(path.join(store.folder, 'index.json'), 'utf8')).toBe('{"mine":true}');
});

test('many writers of one blob do no harm', async () => {
  const bytes = Buffer.alloc(300_000, 'abc');
  const other = new BlobStore(store.folder);
  const writers = Array.from({ length: 20 }, (_, i) => (i % 2 ? store : other).write(chunks(bytes, 'end')));
  const results = await Promise.all(writers);
  expect(new Set(results.map(({ digest }) => digest)).size).toBe(1);
  expect((await collect(store.read(results[0]!.digest))).length).toBe(300_003);
  expect(fs.readdirSync(path.join(store.folder, 'tmp'))).toEqual([]);
});

describe('a damaged blob', () => {
  test.each([
    ['missing', (file: string) => fs.rmSync(file), 'it is missing'],
    ['cut', (file: string) => fs.truncateSync(file, 3), 'its 3 bytes have the digest sha256:'],
    ['changed', (file: string) => rewrite(file, 'hellO'), 'its 5 bytes have the digest sha256:'],
    ['a folder', beFolder, 'it cannot be read: is a directory'],
  ])('that is %s is never read to its end, and is named', async (_how, damage, why) => {
    await store.write(Buffer.from('hello'));
    damage(store.path(HELLO));
    const diagnostic = await diagnosticOf(collect(store.read(HELLO)));
    expect(diagnostic.code).toBe('DamagedBlob');
    expect(diagnostic.message).toContain(`the blob ${HELLO} is damaged: ${why}`);
  });

  test('is healed by writing it again', async () => {
    await store.write(Buffer.from('hello'));
    rewrite(store.path(HELLO), 'hellO');
    await store.write(Buffer.from('hello'));
    expect(String(await collect(store.read(HELLO)))).toBe('hello');
  });
});

describe('a failure', () => {
  test('of the source passes through and leaves nothing', async () => {
    async function* broken() {
      yield Buffer.from('half');
      throw new Error('source');
    }
    await expect(store.write(broken())).rejects.toThrow('source');
    expect(fs.readdirSync(path.join(store.folder, 'tmp'))).toEqual([]);
    expect(fs.readdirSync(path.join(store.folder, 'blobs/sha256'))).toEqual([]);
  });

  test.each(['create', 'write', 'rename'] as const)('at %s is StoreNotWritable and leaves nothing', async (step) => {
    const onStep = (reached: string) => {
      if (reached === step) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    };
    const diagnostic = await diagnosticOf(new BlobStore(store.folder, { onStep }).write(Buffer.from('hello')));
    expect(diagnostic.code).toBe('StoreNotWritable');
    expect(diagnostic.message).toBe(`cannot write to the cache directory ${store.folder}: no space left on the disk`);
    expect(fs.readdirSync(path.join(store.folder, 'tmp'))).toEqual([]);
    expect(await store.has(HELLO)).toBe(false);
  });

  test('to make the folder is StoreNotWritable, and a later write may succeed', async () => {
    fs.writeFileSync(path.join(dir, 'cache'), 'a file');
    const diagnostic = await diagnosticOf(store.write(Buffer.from('hello')));
    expect(diagnostic).toMatchObject({
      code: 'StoreNotWritable',
      hint: 'make it writable, or choose another one with --cache-dir',
    });
    fs.rmSync(path.join(dir, 'cache'));
    expect(await store.write(Buffer.from('hello'))).toEqual({ digest: HELLO, size: 5 });
  });
});

function rewrite(file: string, text: string): void {
  fs.rmSync(file);
  fs.writeFileSync(file, text);
}

function beFolder(file: string): void {
  fs.rmSync(file);
  fs.mkdirSync(file);
}

test('a blob that was changed since this very object wrote it is damaged', async () => {
  const { digest } = await store.write(Buffer.from('bytes of a layer'));
  const readAll = async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of store.read(digest)) chunks.push(chunk);
    return String(Buffer.concat(chunks));
  };
  expect(await readAll()).toBe('bytes of a layer');
  await new Promise((resolve) => setTimeout(resolve, 15)); // the clock of the file system is coarse
  fs.chmodSync(store.path(digest), 0o644);
  fs.writeFileSync(store.path(digest), 'bytes of a liar!');
  await expect(readAll()).rejects.toMatchObject({ diagnostics: [{ code: 'DamagedBlob' }] });
});
