/** Every file of a store truncated, flipped, emptied, swapped or removed in turn: no wrong byte comes out, and the next build mends it. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { BlobStore } from '../../store/blobs.js';
import { pruneStore } from '../../store/prune.js';
import { verifyStore } from '../../store/verify.js';
import { hexOf, sha256 } from '../../util/digest.js';
import { listFiles } from '../rig.js';
import { buildHere, damageIn, freshBytes, useCounts, useFolder, writeContext } from './workload.js';

const folder = useFolder();
const count = useCounts('damage');
const context = () => folder.at('ctx');
const store = () => folder.at('store');
let right: Buffer;
let whole: ReadonlyMap<string, Buffer>;

/** Digests are trusted of files that were a while old when they were hashed. */
const clock = () => BigInt(Date.now() + 60_000) * 1_000_000n;
const again = () => buildHere(context(), store(), { internals: { clock }, explain: true });

beforeAll(async () => {
  writeContext(context(), 1, 20_000);
  right = await freshBytes(context(), folder.at());
  await again();
  const files = listFiles(store()).filter((f) => !f.endsWith('/'));
  whole = new Map(files.map((file) => [file, fs.readFileSync(path.join(store(), file))]));
});

/** Makes the store what it was. */
function restore(): void {
  fs.rmSync(store(), { recursive: true, force: true });
  for (const [file, bytes] of whole) {
    fs.mkdirSync(path.dirname(path.join(store(), file)), { recursive: true });
    fs.writeFileSync(path.join(store(), file), bytes);
  }
  fs.mkdirSync(path.join(store(), 'builds'), { recursive: true });
}

const DAMAGES: Readonly<Record<string, (file: string) => void>> = {
  removed: (file) => fs.rmSync(file),
  emptied: (file) => fs.truncateSync(file, 0),
  'cut in half': (file) => fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2)),
  'a byte longer': (file) => fs.appendFileSync(file, ' '),
  'flipped in a bit': (file) => rewrite(file, (bytes) => (bytes[Math.floor(bytes.length / 2)]! ^= 4)),
  'all zeros': (file) => rewrite(file, (bytes) => bytes.fill(0)),
  'another file of its kind': (file) => {
    const beside = listFiles(path.join(path.dirname(file), '..')).map((f) => path.join(path.dirname(file), '..', f));
    const other = beside.find(
      (f) => !f.endsWith('/') && f !== file && !fs.readFileSync(f).equals(fs.readFileSync(file)),
    );
    fs.copyFileSync(other ?? context() + '/Dockerfile', file);
  },
  'a folder': (file) => {
    fs.rmSync(file);
    fs.mkdirSync(path.join(file, 'x'), { recursive: true });
  },
  'a link that leads nowhere': (file) => {
    fs.rmSync(file);
    fs.symlinkSync('/nowhere', file);
  },
};

function rewrite(file: string, edit: (bytes: Buffer) => void): void {
  const bytes = fs.readFileSync(file);
  edit(bytes);
  fs.writeFileSync(file, bytes);
}

jest.setTimeout(300_000);

describe.each(Object.keys(DAMAGES))('each file of the store, %s', (how) => {
  test('costs a rebuild at most', async () => {
    for (const file of whole.keys()) {
      restore();
      DAMAGES[how]!(path.join(store(), file));
      const first = await again();
      expect({ file, right: first.bytes.equals(right) }).toEqual({ file, right: true });
      // what holds names, or says what the folder is, is left alone: names are all that a user cannot build again
      const kept = file === 'oci-layout' || file === 'index.json';
      expect({ file, codes: first.warnings.filter((w) => w.code !== 'StoreNotWritable') }).toEqual({ file, codes: [] });
      if (!kept) {
        expect({ file, warnings: first.warnings }).toEqual({ file, warnings: [] });
        expect({ file, damage: await damageIn(store()) }).toEqual({ file, damage: [] });
        expect((await again()).result.counters).toMatchObject({ built: 0, cached: 3, packedFiles: 0 });
      }
      count('files damaged');
    }
  });
});

test('each byte of the small files flipped in turn', async () => {
  const small = [...whole.keys()].filter((file) => /^(records|stat|explain)\//.test(file));
  expect(small.length).toBeGreaterThan(4);
  for (const file of small) {
    const bytes = whole.get(file)!;
    const step = Math.max(1, Math.floor(bytes.length / 40));
    for (let at = 0; at < bytes.length; at += step) {
      restore();
      rewrite(path.join(store(), file), (copy) => (copy[at]! ^= 1 << (at % 8)));
      const { bytes: made, warnings } = await again();
      expect({ file, at, right: made.equals(right), warnings }).toEqual({ file, at, right: true, warnings: [] });
      count('bytes of small files flipped');
    }
  }
});

test('verify finds each damaged blob, removes it with its record, and says what will be built again', async () => {
  for (const file of [...whole.keys()].filter((f) => f.startsWith('blobs/'))) {
    restore();
    DAMAGES['flipped in a bit']!(path.join(store(), file));
    const found = await verifyStore(new BlobStore(store()));
    expect(found.damaged.map(hexOf)).toEqual([path.basename(file)]);
    expect(found.broken).toEqual(['docker.io/me/app:latest']);
    expect(await verifyStore(new BlobStore(store()))).toMatchObject({
      damaged: [],
      forgotten: 0,
      broken: found.broken,
    });
    expect((await again()).bytes.equals(right)).toBe(true);
    expect(await damageIn(store())).toEqual([]);
    count('blobs found by verify');
  }
});

test('a blob that another one was put in the place of never comes out, nor does a forged size', async () => {
  restore();
  const blobs = [...whole.keys()].filter((f) => f.startsWith('blobs/'));
  for (const file of blobs) {
    const bytes = whole.get(file)!;
    const forged = Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 0xff)]); // the size is right
    fs.writeFileSync(path.join(store(), file), forged);
    expect(`sha256:${path.basename(file)}`).not.toBe(sha256(forged));
  }
  expect((await again()).bytes.equals(right)).toBe(true);
  count('stores of nothing but forged blobs');
});

test('pruning a damaged store does no more harm', async () => {
  for (const how of Object.keys(DAMAGES)) {
    for (const file of [...whole.keys()].filter((f) => f !== 'index.json' && f !== 'oci-layout')) {
      restore();
      DAMAGES[how]!(path.join(store(), file));
      await pruneStore(new BlobStore(store()), { maxSize: 1, now: Date.now() });
      expect({ how, file, right: (await again()).bytes.equals(right) }).toEqual({ how, file, right: true });
      count('prunes of damaged stores');
    }
  }
});

test('the index of pieces, and blobs that pieces are taken from, damaged in turn', async () => {
  const own = folder.at('large');
  writeContext(own, 1, 5 * 1024 * 1024);
  const keep = folder.at('large-store');
  await buildHere(own, keep);
  const file = path.join(own, 'bin/tool');
  rewrite(file, (bytes) => (bytes[3_000_000]! ^= 1));
  const changed = await freshBytes(own, folder.at());
  const files = listFiles(keep).filter((f) => /^(pieces|checks)\/|^blobs\//.test(f) && !f.endsWith('/'));
  expect(files.filter((f) => f.startsWith('pieces/')).length).toBeGreaterThan(0);
  for (const name of files) {
    for (const how of ['removed', 'cut in half', 'flipped in a bit', 'all zeros']) {
      const copy = folder.at('large-copy');
      fs.cpSync(keep, copy, { recursive: true });
      DAMAGES[how]!(path.join(copy, name));
      const { bytes, warnings } = await buildHere(own, copy);
      expect({ name, how, right: bytes.equals(changed), warnings }).toEqual({ name, how, right: true, warnings: [] });
      fs.rmSync(copy, { recursive: true });
      count('stores with pieces damaged');
    }
  }
});
