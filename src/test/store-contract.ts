/**
 * What every backend of the store must do: hit, miss, torn write, wrong bytes, two writers. A new backend (a registry, one day) is done when it
 * passes both suites; store/contract.test.ts runs them over those that are there.
 */
import { describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import type { ContentStore } from '../store/blobs.js';
import type { LayerKey, LayerRecord, RecordStore } from '../store/records.js';
import { sha256 } from '../util/digest.js';

/** A backend under test. */
export interface Backend<T> {
  /** A store over the backend's data; every call gives another instance over the same data. */
  open(): T;
  /** Changes the bytes of what is kept, below the backend: every item by `edit`. */
  damage(edit: (bytes: Buffer) => Buffer): void;
}

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of bytes) all.push(chunk);
  return Buffer.concat(all).toString();
}

const HELLO = sha256('hello');

/** Damage of every kind. */
const DAMAGES: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['torn', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['empty', () => Buffer.alloc(0)],
  ['flipped', (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.of((bytes.at(-1) ?? 0) ^ 1)])],
  ['longer', (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
  ['other', () => Buffer.from('something else altogether')],
];

/** The suite for blobs by digest. */
export function contentStoreContract(name: string, make: () => Backend<ContentStore>): void {
  describe(`content: ${name}`, () => {
    test('a miss is no blob, and reading it is DamagedBlob', async () => {
      const store = make().open();
      expect([await store.has(HELLO), await store.touch(HELLO, 5)]).toEqual([false, false]);
      await expectDamaged(collect(store.read(HELLO)));
      await store.remove(HELLO); // no error
    });

    test('a hit gives the bytes, to another instance as well', async () => {
      const backend = make();
      expect(await backend.open().write(chunks('hel', 'lo'))).toEqual({ digest: HELLO, size: 5 });
      const store = backend.open();
      expect([await store.has(HELLO), await store.touch(HELLO, 5), await store.touch(HELLO, 4)]).toEqual([
        true,
        true,
        false,
      ]);
      expect(await collect(store.read(HELLO))).toBe('hello');
      await store.remove(HELLO);
      expect(await store.has(HELLO)).toBe(false);
    });

    test('a write that fails half-way leaves nothing', async () => {
      const store = make().open();
      async function* broken() {
        yield Buffer.from('hello');
        throw new Error('the source failed');
      }
      await expect(store.write(broken())).rejects.toThrow('the source failed');
      expect(await store.has(HELLO)).toBe(false);
    });

    test.each(DAMAGES)('%s bytes are never given out whole, and are healed by writing', async (_how, edit) => {
      const backend = make();
      await backend.open().write(Buffer.from('hello'));
      backend.damage(edit);
      const store = backend.open();
      await expectDamaged(collect(store.read(HELLO)));
      await store.write(Buffer.from('hello'));
      expect(await collect(store.read(HELLO))).toBe('hello');
    });

    test('many writers of one blob and of others do no harm', async () => {
      const backend = make();
      const one = [backend.open(), backend.open()];
      const texts = Array.from({ length: 20 }, (_, i) => `text ${i % 4}`.repeat(10_000));
      await Promise.all(texts.map((text, i) => one[i % 2]!.write(chunks(text.slice(0, 7), text.slice(7)))));
      for (const text of texts) expect(await collect(one[0]!.read(sha256(text)))).toBe(text);
    });

    test('the empty blob is a blob', async () => {
      const store = make().open();
      const { digest } = await store.write(Buffer.alloc(0));
      expect([await store.has(digest), await collect(store.read(digest))]).toEqual([true, '']);
    });
  });
}

async function expectDamaged(work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(BuildError);
  expect((error as BuildError).diagnostics[0]!.code).toBe('DamagedBlob');
}

const KEY: LayerKey = { shape: sha256('shape'), content: sha256('content') };
const RECORD: LayerRecord = { diffID: sha256('tar'), mediaType: 'application/x', digest: sha256('blob'), size: 42 };

/** The suite for records by key. */
export function recordStoreContract(name: string, make: () => Backend<RecordStore>): void {
  describe(`records: ${name}`, () => {
    test('a miss', async () => {
      const store = make().open();
      expect([await store.hasShape(KEY.shape), await store.lookup(KEY)]).toEqual([false, undefined]);
      await store.forget(KEY); // no error
    });

    test('a hit, by another instance, and by the whole key only', async () => {
      const backend = make();
      await backend.open().save(KEY, RECORD);
      const store = backend.open();
      expect([await store.hasShape(KEY.shape), await store.lookup(KEY)]).toEqual([true, RECORD]);
      expect(await store.lookup({ ...KEY, content: sha256('other') })).toBeUndefined();
      expect(await store.lookup({ ...KEY, shape: sha256('other') })).toBeUndefined();
      await store.forget(KEY);
      expect(await store.lookup(KEY)).toBeUndefined();
    });

    test.each(DAMAGES)('a %s record is a miss, and is replaced by saving', async (_how, edit) => {
      const backend = make();
      await backend.open().save(KEY, RECORD);
      backend.damage(edit);
      const store = backend.open();
      expect(await store.lookup(KEY)).toBeUndefined();
      await store.save(KEY, RECORD);
      expect(await store.lookup(KEY)).toEqual(RECORD);
    });

    test('a record in the place of another is a miss', async () => {
      const backend = make();
      const other = { ...KEY, content: sha256('other') };
      await backend.open().save(KEY, RECORD);
      let bytes: Buffer = Buffer.alloc(0);
      backend.damage((b) => {
        bytes = b;
        return b;
      });
      await backend.open().forget(KEY);
      await backend.open().save(other, RECORD);
      backend.damage(() => bytes);
      expect(await backend.open().lookup(other)).toBeUndefined();
    });

    test('many writers: the last one counts, and every reader finds a whole record', async () => {
      const backend = make();
      const stores = [backend.open(), backend.open()];
      const sizes = Array.from({ length: 20 }, (_, i) => i);
      const seen = await Promise.all(
        sizes.map(async (size) => {
          await stores[size % 2]!.save(KEY, { ...RECORD, size });
          return stores[(size + 1) % 2]!.lookup(KEY);
        }),
      );
      for (const record of seen) expect(sizes).toContain(record?.size);
    });
  });
}
