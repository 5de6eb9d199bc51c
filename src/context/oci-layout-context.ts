/**
 * `oci-layout://path[:tag|@digest]` as a context: the file system of an image.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describeErrno, fail } from '../diagnostic/build-error.js';
import type { Platform } from '../oci/descriptor.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { type DirectoryNode, EMPTY_TREE } from '../snapshot/file-tree.js';
import { type Digest, DigestStream, hexOf, parseDigest, sha256 } from '../util/digest.js';
import { readTarTree, type Spool } from './tar-context.js';

/** An image found in a layout. */
export interface LayoutImage {
  readonly folder: string;
  readonly digest: Digest;
  readonly layers: readonly { readonly mediaType: string; readonly digest: Digest }[];
}

interface JsonDescriptor {
  readonly mediaType?: string;
  readonly digest?: string;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** No manifest or index is larger than this. */
const MAX_JSON = 4 * 1024 * 1024;

/**
 * Finds the image that `path`, `path:tag` or `path@digest` names; a platform is picked from an index.
 * @throws BuildError `ContextNotFound`, `InvalidContext`
 */
export function findLayoutImage(spec: string, platform: Platform): LayoutImage {
  const [, folder, tag, digest] = /^(.+?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(spec) ?? [];
  if (folder === undefined || !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return fail({
      code: 'ContextNotFound',
      message: `there is no OCI layout at ${folder ?? spec}`,
      hint: 'write oci-layout://folder, :tag or @digest behind it',
    });
  }
  if (digest !== undefined) return openManifest(folder, { digest }, platform);
  const index = readJson(path.join(folder, 'index.json'), folder) as { manifests?: JsonDescriptor[] };
  const named = (index.manifests ?? []).filter(
    (m) => tag === undefined || m.annotations?.['org.opencontainers.image.ref.name'] === tag,
  );
  const chosen = named.length === 1 ? named[0]! : pickPlatform(named, platform);
  if (chosen) return openManifest(folder, chosen, platform);
  const tags = (index.manifests ?? [])
    .map((m) => m.annotations?.['org.opencontainers.image.ref.name'])
    .filter((t) => t !== undefined);
  const hint = tags.length > 0 ? `it has ${tags.join(', ')}` : 'name one of its manifests with @digest';
  return fail({
    code: 'ContextNotFound',
    message: `the OCI layout ${folder} has no single image ${tag ?? ''} for this platform`,
    hint,
  });
}

function pickPlatform(list: readonly JsonDescriptor[], platform: Platform): JsonDescriptor | undefined {
  return list.find(
    (m) =>
      m.platform?.os === platform.os &&
      m.platform.architecture === platform.architecture &&
      (m.platform.variant ?? '') === (platform.variant ?? ''),
  );
}

function openManifest(folder: string, descriptor: JsonDescriptor, platform: Platform): LayoutImage {
  const digest = checkedDigest(descriptor.digest, folder);
  const file = path.join(folder, 'blobs', 'sha256', hexOf(digest));
  const json = readJson(file, folder, digest) as {
    mediaType?: string;
    manifests?: JsonDescriptor[];
    layers?: JsonDescriptor[] | null;
  };
  if (json.manifests) {
    const chosen = json.manifests.length === 1 ? json.manifests[0]! : pickPlatform(json.manifests, platform);
    if (chosen) return openManifest(folder, chosen, platform);
    return fail({
      code: 'InvalidContext',
      message: `the image in ${folder} is not there for ${platform.os}/${platform.architecture}`,
      hint: 'choose one of its platforms with --platform',
    });
  }
  const layers = (json.layers ?? []).map((l) => ({
    mediaType: l.mediaType ?? '',
    digest: checkedDigest(l.digest, folder),
  }));
  return { folder, digest, layers };
}

function checkedDigest(text: string | undefined, folder: string): Digest {
  try {
    return parseDigest(text ?? '');
  } catch (error) {
    return fail(
      {
        code: 'InvalidContext',
        message: `the OCI layout ${folder} has a descriptor without a sha256 digest`,
        hint: 'make the layout again',
      },
      error,
    );
  }
}

function readJson(file: string, folder: string, digest?: Digest): unknown {
  try {
    if (statSync(file).size > MAX_JSON) throw new Error('it is too large');
    const bytes = readFileSync(file);
    if (digest !== undefined && sha256(bytes) !== digest) throw new Error('its bytes do not have its digest');
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return fail(
      {
        code: 'InvalidContext',
        message: `${path.relative(folder, file)} of the OCI layout ${folder} cannot be read: ${describeErrno(error)}`,
        hint: 'make the layout again',
      },
      error,
    );
  }
}

/** The file system of an image: its layers over one another, every blob checked against its digest. */
export async function readLayoutTree(image: LayoutImage, label: string, spool: Spool): Promise<DirectoryNode> {
  let tree = EMPTY_TREE;
  for (const layer of image.layers) {
    if (layer.mediaType === MEDIA_TYPES.layerZstd || layer.mediaType === MEDIA_TYPES.dockerLayerZstd) {
      fail({
        code: 'InvalidContext',
        message: `${label} has layers compressed with zstd, which wbuild does not read`,
        hint: 'copy it with gzip layers: skopeo copy --dest-compress-format gzip',
      });
    }
    tree = await readTarTree(verified(image.folder, layer.digest, label), tree, { spool, label, layer: true });
  }
  return tree;
}

async function* verified(folder: string, digest: Digest, label: string): AsyncGenerator<Uint8Array> {
  const hash = new DigestStream();
  const file = path.join(folder, 'blobs', 'sha256', hexOf(digest));
  const chunks = createReadStream(file) as AsyncIterable<Buffer>;
  for await (const chunk of readable(chunks, `${label}: the layer ${digest}`)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest() !== digest)
    fail({
      code: 'InvalidContext',
      message: `${label}: the bytes of the layer ${digest} do not have that digest`,
      hint: 'make the layout again',
    });
}

/** A stream of a file, of which a failure names what it was to be. */
async function* readable(chunks: AsyncIterable<Buffer>, what: string): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    fail(
      {
        code: 'InvalidContext',
        message: `${what} cannot be read: ${describeErrno(error)}`,
        hint: 'make the layout again',
      },
      error,
    );
  }
}
