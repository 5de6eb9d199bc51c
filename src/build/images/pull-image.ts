/** An image of a registry into the store, under its name. */
import { arch } from 'node:os';
import { fail } from '../../diagnostic/build-error.js';
import type { Platform } from '../../oci/descriptor.js';
import type { Target } from '../../oci/image.js';
import { MEDIA_TYPES } from '../../oci/media-types.js';
import { formatPlatform, machinePlatform, normalizePlatform, parsePlatform } from '../../oci/platform.js';
import { formatReference, parseReference } from '../../oci/reference.js';
import type { Emit } from '../../progress/event.js';
import { pullImage } from '../../registry/pull.js';
import { BlobStore } from '../../store/blobs.js';
import { ImageIndex } from '../../store/image-index.js';
import { openStore } from '../../store/open-store.js';
import { readTarget } from '../../store/stored-image.js';
import type { Digest } from '../../util/digest.js';
import { openRegistry, type RegistryOptions } from './push-image.js';

export interface PullRequest extends RegistryOptions {
  readonly name: string;
  readonly cacheDir: string;
  /** As typed: takes one image out of an index. */
  readonly platform?: string | undefined;
  readonly emit: Emit;
}

/** What is no index has one platform, which its config tells. An artifact has none that a build could be for. */
function checkPlatform(target: Target, wanted: Platform, name: string): void {
  if ('images' in target || target.config.descriptor.mediaType === MEDIA_TYPES.wasmConfig) return;
  const [has, asked] = [target.platform, wanted].map((p) => formatPlatform(normalizePlatform(p)));
  if (has === asked) return;
  const message = `pulling ${name}: there is no image for ${asked} in it`;
  fail({ code: 'RegistryNotFound', message, hint: `it has ${has}` });
}

/**
 * Pulls an image, and names it in the store when it is whole.
 * @returns the digest of what was pulled
 * @throws BuildError `StoreNotWritable`, `InvalidPlatform`; what pullImage throws
 */
export async function pullToStore({ name, cacheDir, platform, emit, ...registry }: PullRequest): Promise<Digest> {
  const reference = parseReference(name);
  const wanted = platform === undefined ? undefined : parsePlatform(platform, machinePlatform(arch()));
  if (typeof wanted === 'string')
    return fail({ code: 'InvalidPlatform', message: wanted, hint: 'write os/arch, as linux/amd64' });
  // what a build that runs now may need is safe from pruning while its folder is there, and so is what is pulled
  const hint = 'make it writable, or choose another one with --cache-dir';
  const opened = openStore(cacheDir, (message) => fail({ code: 'StoreNotWritable', message, hint }));
  const client = openRegistry(reference.domain, registry);
  try {
    const store = new BlobStore(opened.folder);
    const descriptor = await pullImage(client, { store, reference, platform: wanted, emit });
    if (wanted) checkPlatform(await readTarget(store, descriptor), wanted, name);
    await new ImageIndex(store.folder).tag([formatReference(reference)], descriptor);
    return descriptor.digest;
  } finally {
    await client.close();
    opened.close();
  }
}
