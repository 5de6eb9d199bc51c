import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryBlobs } from '../test/memory-store.js';
import { listFiles } from '../test/rig.js';
import { contentStoreContract, recordStoreContract } from '../test/store-contract.js';
import { sha256 } from '../util/digest.js';
import { BlobStore } from './blobs.js';
import { LocalCache } from './local-cache.js';
import { FolderRecords } from './records.js';

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'contract-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Edits each file below a folder of the store. */
const damageBelow = (area: string) => (edit: (bytes: Buffer) => Buffer) => {
  for (const name of listFiles(path.join(folder, area)).filter((f) => !f.endsWith('/'))) {
    const file = path.join(folder, area, name);
    const bytes = fs.readFileSync(file);
    fs.rmSync(file);
    fs.writeFileSync(file, edit(bytes));
  }
};

contentStoreContract('a folder', () => ({
  open: () => new BlobStore(folder),
  damage: damageBelow('blobs'),
}));

contentStoreContract('memory', () => {
  const blobs = new Map();
  return {
    open: () => new MemoryBlobs(blobs),
    damage: (edit) => {
      for (const [digest, bytes] of blobs) blobs.set(digest, edit(bytes));
    },
  };
});

recordStoreContract('a folder', () => ({
  open: () => new FolderRecords(folder),
  damage: damageBelow('records'),
}));

// what --cache-from reads keeps the reading half; what --cache-to wrote is the other
recordStoreContract('a folder that is read as a cache of somewhere else', () => ({
  open: () => {
    const writer = new FolderRecords(folder);
    const reader = new LocalCache(folder, () => undefined);
    return {
      hasShape: (shape) => reader.hasShape(shape),
      lookup: (key) => reader.lookup(key),
      save: (key, record) => writer.save(key, record),
      forget: (key) => writer.forget(key),
    };
  },
  damage: damageBelow('records'),
}));

describe('a folder', () => {
  test('that is read as a cache is not marked by it', async () => {
    const key = { shape: sha256('s'), content: sha256('c') };
    const record = { diffID: sha256('t'), mediaType: 'm', digest: sha256('b'), size: 1 };
    await new FolderRecords(folder).save(key, record);
    const file = listFiles(folder).find((f) => f.endsWith('.json'))!;
    fs.utimesSync(path.join(folder, file), 1, 1);
    expect(await new LocalCache(folder, () => undefined).lookup(key)).toEqual(record);
    expect(fs.statSync(path.join(folder, file)).mtimeMs).toBe(1000);
    expect(await new FolderRecords(folder).lookup(key)).toEqual(record);
    expect(fs.statSync(path.join(folder, file)).mtimeMs).toBeGreaterThan(1000); // its own lookups are: that is its last use
  });

  test('lists its records, and nothing that is damaged or not its own', async () => {
    const records = new FolderRecords(folder);
    const record = { diffID: sha256('t'), mediaType: 'm', digest: sha256('b'), size: 1 };
    for (const name of ['one', 'two']) await records.save({ shape: sha256('s'), content: sha256(name) }, record);
    fs.writeFileSync(path.join(records.folder, 'notes.txt'), 'x');
    const shape = path.join(records.folder, sha256('s').slice(7));
    fs.writeFileSync(path.join(shape, 'notes.json'), 'x');
    fs.writeFileSync(path.join(shape, `${sha256('two').slice(7)}.json`), '{}');
    const found = [];
    for await (const { file, record: r } of records.list()) found.push([path.basename(file), r]);
    expect(found).toEqual([[`${sha256('one').slice(7)}.json`, record]]);
  });
});
