/** What a layer holds, without its bytes: one pass over the tar. */
import type { Digest } from '../util/digest.js';
import { DigestStream } from '../util/digest.js';
import { readTar, type TarEntry } from '../util/read-tar.js';
import { cleanName } from './archive-files.js';
import { invalidImage, unpacked } from './blob-bytes.js';
import type { OpenLayer } from './image.js';
import { damaged, entriesOf } from './layer-entries.js';

export interface ListedEntry extends Omit<TarEntry, 'content'> {
  /** Without slashes at its ends, so `a` for `./a/`. */
  readonly name: string;
  /** Of the content of a file. */
  readonly digest?: Digest;
}

export interface Listing {
  readonly entries: readonly ListedEntry[];
  /** Bytes of the tar. */
  readonly size: number;
}

/**
 * Lists a layer.
 * @throws BuildError `InvalidImage` when it is damaged, or is not the tar that the config speaks of
 */
export async function listLayer(
  layer: Pick<OpenLayer, 'read' | 'diffID' | 'descriptor'>,
  label: string,
): Promise<Listing> {
  const hash = new DigestStream();
  const listing = await list(entriesOf(layer, observe(unpacked(layer.read(), label), hash)), label);
  const actual = hash.digest();
  if (layer.diffID !== actual)
    invalidImage(
      `${label} is damaged: its tar has the digest ${actual}, and the config says ${layer.diffID || 'none'}`,
    );
  return { ...listing, size: hash.size };
}

/** Lists an uncompressed tar. @throws BuildError `InvalidImage` */
export function listTar(tar: AsyncIterable<Uint8Array>, label: string): Promise<Listing> {
  return list(readTar(tar), label);
}

async function list(given: AsyncIterable<TarEntry>, label: string): Promise<Listing> {
  const entries: ListedEntry[] = [];
  let size = 0;
  try {
    for await (const { content, ...entry } of given) {
      const name = cleanName(entry.path);
      if (entry.type !== 'file') entries.push({ ...entry, name });
      else {
        const hash = new DigestStream();
        for await (const chunk of content) hash.update(chunk);
        entries.push({ ...entry, name, digest: hash.digest() });
      }
      size = entry.offset + entry.size;
    }
  } catch (error) {
    damaged(label, error);
  }
  return { entries, size };
}

async function* observe(bytes: AsyncIterable<Buffer>, hash: DigestStream): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}
