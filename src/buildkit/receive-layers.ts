/** The OCI archive that a daemon sends → blobs and layers. Every blob is checked against its name. */
import { fail } from '../diagnostic/build-error.js';
import { INLINE_CACHE } from '../oci/assemble.js';
import type { Layer } from '../oci/image.js';
import type { BuildBlobs } from '../store/build-blobs.js';
import { type Digest, parseDigest } from '../util/digest.js';
import { readAll, readTar, type TarEntry } from '../util/read-tar.js';

/** The store broke down in the middle of a blob, of which the rest is gone: the archive is needed once more. */
export class ArchiveNeededAgain extends Error {}

/** What a daemon made. */
export interface ReceivedImage {
  readonly manifest: Digest;
  readonly config: Digest;
  /** Bottom first. */
  readonly layers: readonly Layer[];
  /** A cache in the config, in base64. */
  readonly inlineCache?: string;
}

interface JsonDescriptor {
  readonly mediaType?: string;
  readonly digest?: string;
  readonly size?: number;
}

interface ConfigJson {
  readonly rootfs?: { readonly diff_ids?: readonly string[] | null };
  readonly [INLINE_CACHE]?: unknown;
}

/** No index, manifest or config is larger than this. */
const MAX_JSON = 4 * 1024 * 1024;

/**
 * Takes an archive in.
 * @throws BuildError `BuilderFailed` for an archive that is not what was asked for; ArchiveNeededAgain
 */
export async function receiveImage(bytes: AsyncIterable<Uint8Array>, blobs: BuildBlobs): Promise<ReceivedImage> {
  let index: Buffer | undefined;
  for await (const entry of readTar(bytes)) {
    const [, hex] = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(entry.path) ?? [];
    if (hex !== undefined && entry.type === 'file') await receiveBlob(entry, hex, blobs);
    if (entry.path !== 'index.json') continue;
    if (entry.size > MAX_JSON) return wrong('its index is too large');
    index = await readAll(entry.content);
  }
  const { manifests = [] } = parse(index ?? wrong('it has no index.json')) as { manifests?: JsonDescriptor[] };
  if (manifests.length !== 1) return wrong(`it has ${manifests.length} images`);
  const manifest = digestOf(manifests[0]!);
  const { config, layers } = (await readJson(manifest, blobs)) as {
    config: JsonDescriptor;
    layers?: readonly JsonDescriptor[] | null;
  };
  const { rootfs, [INLINE_CACHE]: inlineCache } = (await readJson(digestOf(config), blobs)) as ConfigJson;
  const diffIDs = rootfs?.diff_ids ?? [];
  if (diffIDs.length !== (layers ?? []).length) return wrong('it has not one diff ID for each layer');
  return {
    manifest,
    config: digestOf(config),
    ...(typeof inlineCache === 'string' && { inlineCache }),
    layers: (layers ?? []).map((layer, i) => {
      const descriptor = { mediaType: layer.mediaType ?? '', digest: digestOf(layer), size: Number(layer.size) };
      return { diffID: digestOf({ digest: diffIDs[i]! }), descriptor };
    }),
  };
}

async function receiveBlob(entry: TarEntry, hex: string, blobs: BuildBlobs): Promise<void> {
  const digest = parseDigest(`sha256:${hex}`);
  if (await blobs.store.touch(digest, entry.size)) return; // readTar skips what is not read
  let begun = false;
  const { made } = await blobs.write((store) => {
    if (begun) throw new ArchiveNeededAgain();
    begun = true;
    return store.write(entry.content);
  });
  if (made.digest === digest && made.size === entry.size) return;
  await blobs.remove(made.digest);
  wrong(`the bytes of ${digest} have the digest ${made.digest}`);
}

async function readJson(digest: Digest, blobs: BuildBlobs): Promise<unknown> {
  let size = 0;
  const limited = async function* () {
    for await (const chunk of blobs.read(digest)) {
      size += chunk.length;
      if (size > MAX_JSON) wrong(`${digest} is too large`);
      yield chunk;
    }
  };
  return parse(await readAll(limited()));
}

function parse(bytes: Buffer): object {
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof json === 'object' && json !== null) return json;
  } catch {
    // said below
  }
  return wrong('it has something else where JSON belongs');
}

function digestOf({ digest }: JsonDescriptor): Digest {
  try {
    return parseDigest(digest ?? '');
  } catch {
    return wrong('it has a descriptor without a digest');
  }
}

function wrong(why: string): never {
  return fail({
    code: 'BuilderFailed',
    message: `the builder sent an archive that cannot be right: ${why}`,
    hint: 'build again; a proxy in between may have damaged it',
  });
}
