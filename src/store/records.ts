/**
 * What layers were made of what: small files, one a record, beside the blobs.
 *
 * A record says that a layer of this key was written as this blob. The blob is checked against its digest whenever it is read, and the record
 * against a digest of its own that covers its key too: one that is stale, torn, flipped or in the wrong place is a miss, and can cost a rebuild
 * and nothing else. (Whoever may write the store can forge both: docs/cache.md, "Trust".)
 */
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, hexOf, parseDigest, sha256 } from '../util/digest.js';
import { type StoreWriteOptions, writeStoreFile } from './store-files.js';

/** The key of a layer in two parts, see solver/layer-key.ts: what it looks like, and that with the content of its files. */
export interface LayerKey {
  readonly shape: Digest;
  readonly content: Digest;
}

/** A layer that was written. */
export interface LayerRecord {
  readonly diffID: Digest;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** Where records are looked up. A backend that fails is a miss, never a wrong hit. */
export interface RecordReader {
  /** Whether any layer of this shape was ever recorded; if not, no content of it can be a hit. */
  hasShape(shape: Digest): Promise<boolean>;
  lookup(key: LayerKey): Promise<LayerRecord | undefined>;
}

/** Where records are kept. */
export interface RecordStore extends RecordReader {
  /** @throws the system error of what failed: the caller decides what a record is worth */
  save(key: LayerKey, record: LayerRecord): Promise<void>;
  /** Forgets a record whose blob turned out to be damaged. */
  forget(key: LayerKey): Promise<void>;
}

/** The format of the records; part of their path, so that another version neither reads nor harms them. */
export const RECORDS_VERSION = 'v1';

export interface FolderRecordsOptions extends StoreWriteOptions {
  /** A lookup leaves no trace: for a cache of somebody else. Default false. */
  readonly readOnly?: boolean;
}

/** Records in a folder: `records/v1/<shape>/<content>.json`. Their mtime is when they were last of use. */
export class FolderRecords implements RecordStore {
  readonly folder: string;
  readonly #store: string;
  readonly #options: FolderRecordsOptions;

  constructor(store: string, options: FolderRecordsOptions = {}) {
    this.folder = path.join(store, 'records', RECORDS_VERSION);
    this.#store = store;
    this.#options = options;
  }

  async hasShape(shape: Digest): Promise<boolean> {
    return (await stat(path.join(this.folder, hexOf(shape))).catch(() => undefined)) !== undefined;
  }

  async lookup(key: LayerKey): Promise<LayerRecord | undefined> {
    const file = this.#path(key);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    const record = text === undefined ? undefined : parseRecord(text, key);
    const now = new Date();
    if (record && !this.#options.readOnly) await utimes(file, now, now).catch(() => undefined); // last use, for pruning; a read-only store goes without
    return record;
  }

  async save(key: LayerKey, record: LayerRecord): Promise<void> {
    const bytes = Buffer.from(recordText(key, record));
    await writeStoreFile(this.#store, this.#path(key), bytes, this.#options);
  }

  async forget(key: LayerKey): Promise<void> {
    await rm(this.#path(key), { force: true }).catch(() => undefined);
  }

  /** Every record with its file, in no particular order; damaged ones are left out. */
  async *list(): AsyncGenerator<{
    readonly file: string;
    readonly record: LayerRecord;
    readonly lastUse: Date;
    readonly bytes: number;
  }> {
    for (const shape of await readdir(this.folder).catch(() => [])) {
      for (const name of await readdir(path.join(this.folder, shape)).catch(() => [])) {
        const key = keyOf(shape, name);
        const file = path.join(this.folder, shape, name);
        const text = key && (await readFile(file, 'utf8').catch(() => undefined));
        const found = await stat(file).catch(() => undefined);
        const record = key && text !== undefined ? parseRecord(text, key) : undefined;
        if (record && found) yield { file, record, lastUse: found.mtime, bytes: found.size };
      }
    }
  }

  #path({ shape, content }: LayerKey): string {
    return path.join(this.folder, hexOf(shape), `${hexOf(content)}.json`);
  }
}

/** The key of a file name, if it is one of ours. */
function keyOf(shape: string, name: string): LayerKey | undefined {
  if (!/^[0-9a-f]{64}$/.test(shape) || !/^[0-9a-f]{64}\.json$/.test(name)) return undefined;
  return { shape: `sha256:${shape}` as Digest, content: `sha256:${name.slice(0, 64)}` as Digest };
}

/** A line of JSON, and one with the digest of that and of the key. */
function recordText(key: LayerKey, { diffID, mediaType, digest, size }: LayerRecord): string {
  const json = JSON.stringify({ diffID, mediaType, digest, size });
  return `${json}\n${sealOf(key, json)}\n`;
}

function sealOf({ shape, content }: LayerKey, json: string): Digest {
  return sha256(`${shape}\n${content}\n${json}`);
}

function parseRecord(text: string, key: LayerKey): LayerRecord | undefined {
  const json = text.slice(0, text.indexOf('\n'));
  if (text !== `${json}\n${sealOf(key, json)}\n`) return undefined;
  try {
    const { diffID, mediaType, digest, size } = JSON.parse(json) as Record<string, unknown>;
    if (typeof mediaType !== 'string' || typeof size !== 'number') return undefined;
    return { diffID: parseDigest(String(diffID)), mediaType, digest: parseDigest(String(digest)), size };
  } catch {
    return undefined;
  }
}
