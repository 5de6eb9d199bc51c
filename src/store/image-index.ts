/**
 * The images of the store: its index.json, which any OCI tool reads (`skopeo inspect oci:<store>:<name>`).
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#indexjson-file
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { suggest } from '../diagnostic/suggest.js';
import type { Descriptor } from '../oci/descriptor.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { familiarName, parseReference } from '../oci/reference.js';
import type { OnStep } from '../util/atomic-write.js';
import { parseDigest } from '../util/digest.js';
import { compareBytes } from '../util/text.js';
import { type Lock, withLock } from './lock.js';
import { type StoreWriteOptions, writeStoreFile } from './store-files.js';

/** An image by name. */
export interface NamedImage {
  /** Normalised: `docker.io/library/app:latest`. */
  readonly name: string;
  readonly descriptor: Descriptor;
}

/** The name that was probably meant, as people write it: another tag of the repository, or one that is nearly the same. */
export function nearestName(text: string, images: readonly NamedImage[]): string | undefined {
  const names = images.map(({ name }) => familiarName(parseReference(name)));
  const repository = (name: string) => name.replace(/(?::[^:/]*)?(?:@.*)?$/, '');
  const sibling = names.find((name) => name !== text && repository(name) === repository(text));
  if (sibling !== undefined) return sibling;
  // what nobody types must not make names of other images look alike
  const short = new Map(names.map((name) => [name.replace(/:latest$/, ''), name]));
  const near = suggest(text.replace(/:latest$/, ''), short.keys());
  return near === undefined ? undefined : short.get(near);
}

/** The annotation that holds the name of an image in the index. */
export const REF_NAME = 'org.opencontainers.image.ref.name';

/** The images of a store. Changes are made one after the other by a lock, and whole or not at all. */
export class ImageIndex {
  readonly #folder: string;
  readonly #onStep: OnStep | undefined;

  constructor(store: string, options: StoreWriteOptions = {}) {
    this.#folder = store;
    this.#onStep = options.onStep;
  }

  /** Writes an empty index where there is none; under the lock, since another process may list its first image at this moment. */
  async create(): Promise<void> {
    if (existsSync(this.#path())) return;
    await withLock(this.#lockPath(), async (lock) => {
      if (!existsSync(this.#path())) await this.#write([], lock);
    });
  }

  /** By name in byte order. @throws BuildError `StoreNotWritable` when the index is of another version */
  async list(): Promise<NamedImage[]> {
    const manifests = await this.#read();
    const named = manifests.flatMap((descriptor) => {
      const name = descriptor.annotations?.[REF_NAME];
      return name === undefined ? [] : [{ name, descriptor }];
    });
    return named.sort((a, b) => compareBytes(a.name, b.name));
  }

  /** Everything that is listed, with a name or (by another tool) without. */
  async entries(): Promise<readonly Descriptor[]> {
    return this.#read();
  }

  async find(name: string): Promise<Descriptor | undefined> {
    return (await this.list()).find((image) => image.name === name)?.descriptor;
  }

  /** Gives an image its names, which other images lose. */
  async tag(names: readonly string[], descriptor: Descriptor): Promise<void> {
    await this.#change((list) => [
      ...list.filter((d) => !names.includes(d.annotations?.[REF_NAME] ?? '')),
      ...names.map((name) => ({ ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: name } })),
    ]);
  }

  /** Lists one image, and nothing else. */
  async replace(name: string, descriptor: Descriptor): Promise<void> {
    await this.#change(() => [{ ...descriptor, annotations: { [REF_NAME]: name } }]);
  }

  /** Takes a name away. Whether it was there. */
  async untag(name: string): Promise<boolean> {
    let found = false;
    await this.#change((list) => {
      const kept = list.filter((d) => d.annotations?.[REF_NAME] !== name);
      found = kept.length < list.length;
      return kept;
    });
    return found;
  }

  async #change(edit: (list: readonly Descriptor[]) => readonly Descriptor[]): Promise<void> {
    await withLock(this.#lockPath(), async (lock) => {
      const edited = [...edit(await this.#read())];
      const nameOf = (d: Descriptor) => d.annotations?.[REF_NAME] ?? '';
      edited.sort((a, b) => compareBytes(nameOf(a), nameOf(b)) || compareBytes(a.digest, b.digest));
      await this.#write(edited, lock);
    });
  }

  async #write(manifests: readonly Descriptor[], lock: Lock): Promise<void> {
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests };
    const onStep: OnStep = (step, file) => {
      this.#onStep?.(step, file);
      if (step === 'rename') lock.check();
    };
    await writeStoreFile(this.#folder, this.#path(), Buffer.from(JSON.stringify(index)), { onStep });
  }

  /** What is not understood is refused, never overwritten: a newer version may have written it. */
  async #read(): Promise<readonly Descriptor[]> {
    let text: string;
    try {
      text = await readFile(this.#path(), 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      const message = `the cache ${this.#folder} cannot be read: ${describeErrno(error)}`;
      return fail(
        { code: 'StoreNotWritable', message, hint: 'name a folder with --cache-dir or WBUILD_CACHE_DIR' },
        error,
      );
    }
    try {
      const index = JSON.parse(text) as { schemaVersion?: unknown; mediaType?: unknown; manifests?: unknown };
      if (
        index.schemaVersion !== 2 ||
        (index.mediaType ?? MEDIA_TYPES.index) !== MEDIA_TYPES.index ||
        !Array.isArray(index.manifests)
      ) {
        throw new Error('it is of another version');
      }
      return index.manifests.map((d: Descriptor) => ({ ...d, digest: parseDigest(String(d.digest)) }));
    } catch (error) {
      const message = `the index of the store cannot be used: ${(error as Error).message} (${this.#path()})`;
      const hint = 'a newer wbuild may have written it: use that one, or another store with --cache-dir';
      return fail({ code: 'StoreNotWritable', message, hint }, error);
    }
  }

  #path(): string {
    return path.join(this.#folder, 'index.json');
  }

  #lockPath(): string {
    return path.join(this.#folder, 'index.lock');
  }
}
