/**
 * An image, or an index with its images and what is attested of them, to a registry: what is referred to before what refers to it, and names last, so that nothing that is
 * not whole can be reached by a name.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push
 */
import { attestationsOf, type Blob, imagesOf, rootOf, type Target } from '../oci/image.js';
import type { Emit } from '../progress/event.js';
import type { ContentReader } from '../store/blobs.js';
import type { Digest } from '../util/digest.js';
import { createScheduler } from '../util/scheduler.js';
import type { RegistryClient } from './client.js';
import { checkStored, type PushBlob, pushScopes, type UploadPlace, uploadBlob } from './upload.js';

export interface PushOptions {
  readonly target: Target;
  /** Where the bytes of layers are. */
  readonly content: ContentReader;
  /** A repository of the registry of the client. */
  readonly repository: string;
  /** None: the target can be had by its digest alone. */
  readonly tags: readonly string[];
  /** Repositories of the same registry that have the blobs, to be mounted from there. */
  readonly mountFrom?: readonly string[];
  readonly emit: Emit;
}

/** So many blobs at once. */
const PARALLEL = 4;

/**
 * Pushes.
 * @returns the digest of what the name points at now
 * @throws BuildError `RegistryUnreachable`, `RegistryDenied`, `RegistryFailed`; `DamagedBlob`
 */
export async function pushTarget(client: RegistryClient, options: PushOptions): Promise<Digest> {
  const { target, content, repository, tags, mountFrom = [], emit } = options;
  const blobs = new Map<Digest, PushBlob>();
  for (const { config, layers } of imagesOf(target)) {
    for (const { descriptor } of layers)
      blobs.set(descriptor.digest, { descriptor, read: () => content.read(descriptor.digest) });
    blobs.set(config.descriptor.digest, memoryBlob(config));
  }
  for (const { config, statements } of attestationsOf(target))
    for (const blob of [config, ...statements]) blobs.set(blob.descriptor.digest, memoryBlob(blob));
  const scheduler = createScheduler(PARALLEL, client.signal);
  const place = { client, repository, mountFrom, emit, what: `pushing ${client.domain}/${repository}` };
  await settle([...blobs.values()].map((blob) => scheduler.run(() => uploadBlob(place, blob))));
  const root = rootOf(target);
  const parts = [...imagesOf(target), ...attestationsOf(target)];
  const manifests = new Map(parts.map(({ manifest }) => [manifest.descriptor.digest, manifest]));
  manifests.delete(root.descriptor.digest);
  for (const [digest, manifest] of manifests) await putManifest(place, manifest, digest);
  for (const name of tags.length > 0 ? tags : [root.descriptor.digest]) await putManifest(place, root, name);
  return root.descriptor.digest;
}

function memoryBlob({ descriptor, bytes }: Blob): PushBlob {
  return {
    descriptor,
    async *read() {
      yield bytes;
    },
  };
}

/** Puts a manifest or an index under a tag, or under its digest. */
async function putManifest(place: UploadPlace, { descriptor, bytes }: Blob, name: string): Promise<void> {
  const { client, repository, emit, what } = place;
  const id = `push manifest ${client.domain}/${repository} ${name}`;
  const shown = `${client.domain}/${repository}${name.includes(':') ? '@' : ':'}${name}`;
  emit({ type: 'step-started', id, name: `pushing manifest for ${shown}` });
  try {
    const response = await client.send({
      method: 'PUT',
      path: `${repository}/manifests/${name}`,
      headers: { 'content-type': descriptor.mediaType },
      body: bytes,
      what,
      scopes: pushScopes(repository),
    });
    if (![200, 201, 202].includes(response.status)) await client.refuse(what, response);
    response.discard();
    checkStored(place, descriptor, response);
    emit({ type: 'step-done', id });
  } catch (error) {
    emit({ type: 'step-failed', id, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** Waits for everything, and throws the first failure. */
async function settle(work: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(work);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}
