/**
 * What the layers of a build were made of the last time, so that --explain can say what is different now. Nothing else reads it, and no key
 * and no output depends on it: what is lost, torn or forgotten costs an explanation.
 *
 * One small file for each build name (a digest of context, Dockerfile, target and platform): a line with the digest of the next one, a line of
 * JSON with the keys of the layers, then their listings, compressed. A build that changed nothing reads the first two lines and writes nothing.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Digest, hexOf, sha256 } from '../util/digest.js';
import type { LayerKey } from './records.js';
import { keepNewest, type StoreWriteOptions, writeStoreFile } from './store-files.js';

/** Part of the path: another version neither reads nor harms it. */
const VERSION = 'v1';

/** Builds that are remembered; CI may build each time in a folder of a new name. */
const MAX_BUILDS = 64;

/** A listing longer than this is not kept: about 300,000 files. */
const MAX_LISTING = 32 * 1024 * 1024;

/** The first lines are no longer than this, or are not read: some thousands of layers. */
const MAX_HEAD = 4 * 1024 * 1024;

/** A layer as it was the last time. */
export interface RememberedLayer {
  /** The step without its number: `COPY a /`. */
  readonly instruction: string;
  /** Options that reach its bytes, by name. */
  readonly options: Readonly<Record<string, string>>;
  readonly key: LayerKey;
}

/** A layer to remember; without a `listing`, the one that is known under its key. */
export interface NewMemory extends RememberedLayer {
  readonly listing?: string;
}

interface StoredLayer extends RememberedLayer {
  /** Where its compressed listing lies behind the first two lines, and its digest; a length of 0: there is none. */
  readonly at: number;
  readonly bytes: number;
  readonly digest: Digest;
}

/** The memory of one build name. Loaded when it is first asked for. */
export class BuildMemory {
  readonly #store: string;
  readonly #file: string;
  readonly #options: StoreWriteOptions;
  #loaded: { readonly layers: readonly StoredLayer[]; readonly bodyAt: number } | undefined;

  /** @param name of the build */
  constructor(store: string, name: Digest, options: StoreWriteOptions = {}) {
    this.#store = store;
    this.#options = options;
    this.#file = path.join(store, 'explain', VERSION, hexOf(name));
  }

  /** The layers of the last build, bottom first; none when nothing is remembered. */
  layers(): readonly RememberedLayer[] {
    return this.#load().layers;
  }

  /** The listing of such a layer, if it was kept and is whole. */
  listing(layer: RememberedLayer): string | undefined {
    const packed = this.#packed(layer.key);
    if (!packed) return undefined;
    try {
      return gunzipSync(packed, { maxOutputLength: MAX_LISTING }).toString('utf8');
    } catch {
      return undefined;
    }
  }

  /** Remembers a build; a failure is no matter. */
  async save(layers: readonly NewMemory[]): Promise<void> {
    const body: Buffer[] = [];
    let at = 0;
    const stored = layers.map(({ instruction, options, key, listing }): StoredLayer => {
      const packed = (listing === undefined ? this.#packed(key) : pack(listing)) ?? Buffer.alloc(0);
      const layer = { instruction, options, key, at, bytes: packed.length, digest: sha256(packed) };
      body.push(packed);
      at += packed.length;
      return layer;
    });
    const json = JSON.stringify(stored);
    const bytes = Buffer.concat([Buffer.from(`${sha256(json)}\n${json}\n`), ...body]);
    try {
      await writeStoreFile(this.#store, this.#file, bytes, this.#options);
      keepNewest(path.dirname(this.#file), MAX_BUILDS);
    } catch {
      // the next build explains less
    }
  }

  #packed(key: LayerKey): Buffer | undefined {
    const { layers, bodyAt } = this.#load();
    const layer = layers.find((l) => sameKey(l.key, key));
    if (!layer || layer.bytes === 0) return undefined;
    const packed = readPart(this.#file, bodyAt + layer.at, layer.bytes);
    return packed && sha256(packed) === layer.digest ? packed : undefined;
  }

  #load(): { readonly layers: readonly StoredLayer[]; readonly bodyAt: number } {
    this.#loaded ??= load(this.#file) ?? { layers: [], bodyAt: 0 };
    return this.#loaded;
  }
}

export function sameKey(a: LayerKey, b: LayerKey): boolean {
  return a.shape === b.shape && a.content === b.content;
}

function pack(listing: string): Buffer | undefined {
  return listing.length > MAX_LISTING ? undefined : gzipSync(listing, { level: 1 });
}

function load(file: string): { layers: StoredLayer[]; bodyAt: number } | undefined {
  for (let length = 64 * 1024; length <= MAX_HEAD; length *= 8) {
    const head = readPart(file, 0, length);
    if (!head) return undefined;
    const first = head.indexOf(10);
    const second = head.indexOf(10, first + 1);
    if (second < 0 && head.length === length) continue;
    const json = head.toString('utf8', first + 1, second);
    if (first < 0 || second < 0 || head.toString('latin1', 0, first) !== sha256(json)) return undefined;
    return { layers: JSON.parse(json) as StoredLayer[], bodyAt: second + 1 }; // sealed: it is what was written
  }
  return undefined;
}

/** At most `length` bytes of a file; undefined when it cannot be read. */
function readPart(file: string, at: number, length: number): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, at));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
