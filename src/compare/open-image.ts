/** A reference as typed → the image that it names: a file, a folder, the store, or whatever other source is given. */
import { createReadStream, existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BuildError, describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import type { Descriptor } from '../oci/descriptor.js';
import { formatPlatform, normalizePlatform, parsePlatform } from '../oci/platform.js';
import { ImageIndex, nearestName } from '../store/image-index.js';
import { registerTemporary, removeTree } from '../util/atomic-write.js';
import { hexOf, parseDigest } from '../util/digest.js';
import { quote } from '../util/text.js';
import { ArchiveFiles, type NamedFiles } from './archive-files.js';
import { gather, invalidImage, parseJson } from './blob-bytes.js';
import { readSavedImage } from './docker-archive.js';
import type { ImageForm, ImageSource, OpenImage, OpenImages } from './image.js';
import { chooseRoots, readImages, type Wanted } from './manifests.js';
import { storeSource } from './store-source.js';

export interface OpenOptions {
  /** The store, for names and digests. */
  readonly cacheDir: string;
  /** As typed: only the image of this platform. */
  readonly platform?: string;
  /** Where a name is looked up that is neither a file nor in the store; undefined when it is not there either. */
  readonly elsewhere?: (reference: string) => Promise<ImageSource | undefined>;
}

/** What may stand before a path, as skopeo and buildx have it. */
const SCHEMES = /^(?:oci-layout:\/\/|oci-archive:|docker-archive:|oci:)/;

/**
 * Opens an image: `image.tar`, `folder`, either with `:tag` or `@sha256:…`, a name in the store, or a digest (of a manifest or config).
 * @throws BuildError `ImageNotFound`, `InvalidImage`, `InvalidPlatform`
 */
export async function openImages(reference: string, options: OpenOptions): Promise<OpenImages> {
  const scratch = new Scratch();
  try {
    const opened = await open(reference, options, scratch);
    try {
      return { ...opened, images: ofPlatform(opened.images, options.platform, reference) };
    } catch (error) {
      await opened.close();
      throw error;
    }
  } catch (error) {
    await scratch.close();
    if (error instanceof BuildError || errnoOf(error) === undefined) throw error;
    return fail({ code: 'ImageNotFound', message: `${reference} cannot be read: ${describeErrno(error)}` }, error);
  }
}

async function open(reference: string, options: OpenOptions, scratch: Scratch): Promise<OpenImages> {
  const scheme = SCHEMES.exec(reference)?.[0];
  const place = findPlace(scheme ? reference.slice(scheme.length) : reference, scheme !== undefined);
  const close = () => scratch.close();
  if (place) {
    if (!statSync(place.path).isDirectory()) return openArchive(reference, place, scratch);
    const files = new FolderFiles(place.path);
    return { ...(await openLayout(files, place.wanted, { reference, form: 'oci-layout' })), path: place.path, close };
  }
  if (scheme) return notFound(reference, 'there is no such file or folder');
  const source = (await storeSource(options.cacheDir, reference)) ?? (await options.elsewhere?.(reference));
  if (!source) return notInStore(reference, options.cacheDir);
  const roots = await source.roots();
  return { reference, form: source.form, ...(await readImages(source, roots, reference)), close };
}

async function notInStore(reference: string, cacheDir: string): Promise<never> {
  if (existsSync(reference)) return notFound(reference, 'it is a folder, and no OCI layout: it has no index.json');
  const near = nearestName(reference, await new ImageIndex(cacheDir).list());
  const why = `there is no such file, and no such image in the store ${cacheDir}`;
  return notFound(reference, why, near && `did you mean ${near}?`);
}

const FORMS = 'an image is an archive, an OCI layout, or a name or digest that wbuild images shows';

function notFound(reference: string, why: string, hint = FORMS): never {
  return fail({ code: 'ImageNotFound', message: `there is no image ${quote(reference)}: ${why}`, hint });
}

interface Place {
  readonly path: string;
  readonly wanted: Wanted;
}

/** The longest beginning of the text that is a file or an OCI layout; `:tag` or `@digest` may follow. */
function findPlace(text: string, sure: boolean): Place | undefined {
  const isImage = (at: string) => {
    const stat = at === '' ? undefined : statSync(at, { throwIfNoEntry: false });
    if (!stat) return false;
    return (
      !stat.isDirectory() || sure || existsSync(path.join(at, 'index.json')) || existsSync(path.join(at, 'oci-layout'))
    );
  };
  if (isImage(text)) return { path: text, wanted: {} };
  const [, before, digest] = /^(.+?)@(sha256:[0-9a-f]{64})$/.exec(text) ?? [];
  if (before !== undefined && isImage(before)) return { path: before, wanted: { digest: digest! } };
  for (let at = text.lastIndexOf(':'); at > 0; at = text.lastIndexOf(':', at - 1)) {
    if (isImage(text.slice(0, at))) return { path: text.slice(0, at), wanted: { tag: text.slice(at + 1) } };
  }
  return undefined;
}

async function openArchive(reference: string, { path: file, wanted }: Place, scratch: Scratch): Promise<OpenImages> {
  const files = await ArchiveFiles.open(file, () => scratch.folder());
  const close = async () => {
    await files.close();
    await scratch.close();
  };
  const archive = { path: file, ...(files.file && { archive: files.file }) };
  const docker = files.has('manifest.json');
  try {
    if (files.has('index.json')) {
      const form = docker ? 'docker-archive' : 'oci-archive';
      return { ...(await openLayout(files, wanted, { reference, form })), ...archive, close };
    }
    if (!docker) invalidImage(`${file} is no image: it has neither index.json nor manifest.json`, undefined, ARCHIVES);
    const image = await readSavedImage(files, wanted, file);
    return { reference, form: 'docker-archive', images: [image], others: 0, attestations: [], ...archive, close };
  } catch (error) {
    await files.close();
    throw error;
  }
}

const ARCHIVES = 'an image is what wbuild -o type=docker or type=oci, docker save, or docker buildx build -o writes';

async function openLayout(
  files: NamedFiles,
  wanted: Wanted,
  { reference, form }: { readonly reference: string; readonly form: ImageForm },
): Promise<Omit<OpenImages, 'close'>> {
  if (!files.has('index.json'))
    invalidImage(`${reference} is no OCI layout: it has no index.json`, undefined, ARCHIVES);
  const index = parseJson<{ manifests?: readonly Descriptor[] }>(
    await gather(files.read('index.json'), reference),
    'index.json',
  );
  const source: ImageSource = {
    form,
    roots: async () => chooseRoots(index.manifests ?? [], wanted, reference),
    read: ({ digest }) => {
      const name = `blobs/sha256/${hexOf(parseDigest(digest))}`;
      if (!files.has(name)) invalidImage(`${reference} is not complete: the blob ${digest} is missing`);
      return files.read(name);
    },
  };
  return { reference, form, ...(await readImages(source, await source.roots(), reference)) };
}

function ofPlatform(images: readonly OpenImage[], wanted: string | undefined, reference: string): readonly OpenImage[] {
  const all = () => images.map((image) => formatPlatform(image.platform)).join(', ');
  if (wanted === undefined || wanted === '') return images;
  const parsed = parsePlatform(wanted, { os: 'linux', architecture: 'amd64' });
  if (typeof parsed === 'string')
    return fail({ code: 'InvalidPlatform', message: parsed, hint: 'for example wasi/wasm' });
  const name = formatPlatform(normalizePlatform(parsed));
  const found = images.filter((image) => formatPlatform(image.platform) === name);
  if (found.length > 0) return found;
  return fail({ code: 'ImageNotFound', message: `${reference} is not there for ${name}`, hint: `it has ${all()}` });
}

/** The files of a folder. */
class FolderFiles implements NamedFiles {
  constructor(readonly root: string) {}

  has(name: string): boolean {
    return this.size(name) !== undefined;
  }

  size(name: string): number | undefined {
    const stat = statSync(path.join(this.root, name), { throwIfNoEntry: false });
    return stat?.isFile() ? stat.size : undefined;
  }

  async *read(name: string): AsyncGenerator<Uint8Array, void> {
    const file = path.join(this.root, name);
    if (name.endsWith('.json')) yield readFileSync(file);
    else yield* createReadStream(file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;
  }
}

/** A temporary folder, made when it is first asked for. */
class Scratch {
  #folder: string | undefined;
  #forget: (() => void) | undefined;

  folder(): string {
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(path.join(tmpdir(), 'wbuild-image-'));
      this.#forget = registerTemporary(this.#folder);
    }
    return this.#folder;
  }

  async close(): Promise<void> {
    if (this.#folder !== undefined) removeTree(this.#folder);
    this.#forget?.();
    this.#folder = undefined;
  }
}
