/**
 * An image, or an index with all its images, from a registry into a store. Every byte is checked against its digest before it has a name there, and
 * the image gets its own name last.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull
 */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '../diagnostic/build-error.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { formatPlatform, normalizePlatform } from '../oci/platform.js';
import { formatReference, type Reference } from '../oci/reference.js';
import type { Emit } from '../progress/event.js';
import type { BlobStore } from '../store/blobs.js';
import { type Digest, parseDigest, sha256 } from '../util/digest.js';
import { createScheduler } from '../util/scheduler.js';
import type { Scope } from './auth.js';
import type { RegistryClient } from './client.js';
import { downloadBlob, pullScopes } from './download.js';
import { malformed, refused } from './errors.js';
import type { HttpResponse } from './transport.js';

export interface PullOptions {
  readonly store: BlobStore;
  readonly reference: Reference;
  /** Takes the image for it out of an index; undefined: all of the index. */
  readonly platform?: Platform | undefined;
  readonly emit: Emit;
}

const PARALLEL = 4;

/** No registry has to take a larger manifest, and none may give us one. */
const MAX_MANIFEST = 4 * 1024 * 1024;
const INDEXES: readonly string[] = [MEDIA_TYPES.index, MEDIA_TYPES.dockerManifestList];
const MANIFESTS: readonly string[] = [MEDIA_TYPES.manifest, MEDIA_TYPES.dockerManifest];
const ACCEPT = [...INDEXES, ...MANIFESTS].join(', ');

/** More manifests than this are no image; it keeps a registry from leading us on without end. */
const MAX_MANIFESTS = 1000;

/** What is read of manifests. Nothing in it is believed. */
interface ManifestJson {
  readonly schemaVersion?: unknown;
  readonly mediaType?: unknown;
  readonly config?: unknown;
  readonly layers?: unknown;
  readonly manifests?: unknown;
}

interface Found {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly json: ManifestJson;
}

/**
 * Pulls.
 * @returns the descriptor of what the name points at, for the index of the store
 * @throws BuildError `RegistryNotFound`, `RegistryUnreachable`, `RegistryDenied`, `RegistryFailed`, `StoreNotWritable`
 */
export async function pullImage(client: RegistryClient, options: PullOptions): Promise<Descriptor> {
  const pull = new Pull(client, options);
  return pull.run();
}

class Pull {
  readonly #client: RegistryClient;
  readonly #options: PullOptions;
  readonly #what: string;
  readonly #scopes: readonly Scope[];
  readonly #manifests = new Map<Digest, Found>();
  readonly #blobs = new Map<Digest, Descriptor>();

  constructor(client: RegistryClient, options: PullOptions) {
    this.#client = client;
    this.#options = options;
    this.#what = `pulling ${formatReference(options.reference)}`;
    this.#scopes = pullScopes(options.reference.path);
  }

  async run(): Promise<Descriptor> {
    const { reference, store, emit } = this.#options;
    const id = `pull ${formatReference(reference)}`;
    emit({ type: 'step-started', id, name: `pulling manifest of ${formatReference(reference)}` });
    let root: Found;
    try {
      root = await this.#root();
      await this.#collect(root, 0);
      emit({ type: 'step-done', id });
    } catch (error) {
      emit({ type: 'step-failed', id, message: error instanceof Error ? error.message : String(error) });
      throw error;
    }
    await this.#pullBlobs();
    // children first: a manifest is in the store only when what it refers to is
    for (const { bytes, descriptor } of [...this.#manifests.values()].reverse())
      if (!(await store.touch(descriptor.digest, descriptor.size))) await store.write(bytes);
    return root.descriptor;
  }

  async #root(): Promise<Found> {
    const { reference, platform } = this.#options;
    const found = await this.#manifest(reference.digest ?? reference.tag ?? 'latest', this.#expected());
    if (!INDEXES.includes(found.descriptor.mediaType) || platform === undefined) return found;
    const wanted = formatPlatform(normalizePlatform(platform));
    const children = this.#descriptors(found.json.manifests, 'manifests');
    const nameOf = ({ platform: p }: Descriptor) => (p ? formatPlatform(normalizePlatform(p)) : '');
    const child = children.find((descriptor) => nameOf(descriptor) === wanted);
    if (child) return this.#child(child);
    const known = children.map(nameOf).filter((name) => name !== '' && name !== 'unknown/unknown');
    return fail({
      code: 'RegistryNotFound',
      message: `${this.#what}: there is no image for ${wanted} in it`,
      hint: known.length > 0 ? `it has ${known.join(', ')}` : 'leave --platform out',
    });
  }

  #expected(): Digest | undefined {
    const { digest } = this.#options.reference;
    if (digest === undefined || digest.startsWith('sha256:')) return digest as Digest | undefined;
    return fail({
      code: 'RegistryFailed',
      message: `${this.#what}: wbuild knows no digests but sha256`,
      hint: 'name the image by its tag',
    });
  }

  /** Gets a manifest by tag or digest, and checks that it is one. */
  async #manifest(name: string, expected: Digest | undefined): Promise<Found> {
    const { path } = this.#options.reference;
    const document = await this.#client.document(
      {
        method: 'GET',
        path: `${path}/manifests/${name}`,
        headers: { accept: ACCEPT },
        what: this.#what,
        scopes: this.#scopes,
      },
      MAX_MANIFEST,
    );
    if (!document) {
      const errors = [{ code: 'MANIFEST_UNKNOWN', message: `there is no ${name}` }];
      return refused(this.#what, this.#client.domain, { status: 404, errors });
    }
    const { response, bytes } = document;
    const digest = sha256(bytes);
    const said = expected ?? response.headers['docker-content-digest'];
    if (said?.startsWith('sha256:') && said !== digest)
      this.#malformed(`the manifest has the digest ${digest}, not ${said}`);
    const json = this.#parse(bytes);
    const mediaType = this.#mediaType(json, response);
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes, json };
  }

  async #child(descriptor: Descriptor): Promise<Found> {
    const found = await this.#manifest(descriptor.digest, descriptor.digest);
    const { mediaType, size } = found.descriptor;
    if (size !== descriptor.size || mediaType !== descriptor.mediaType)
      this.#malformed(`${descriptor.digest} is not what the index says: ${mediaType} of ${size} bytes`);
    const { annotations, platform } = descriptor;
    const more = { ...(annotations && { annotations }), ...(platform && { platform }) };
    return { ...found, descriptor: { ...found.descriptor, ...more } };
  }

  #parse(bytes: Buffer): ManifestJson {
    try {
      const json: unknown = JSON.parse(bytes.toString('utf8'));
      if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as ManifestJson;
    } catch {
      // said below
    }
    return this.#malformed('the manifest is no JSON object');
  }

  /** That of the document, which the header must not contradict: one document must not be taken for two things. */
  #mediaType({ mediaType, schemaVersion, manifests, layers, config }: ManifestJson, { headers }: HttpResponse): string {
    const header = (headers['content-type'] ?? '').split(';', 1)[0]!.trim();
    const known = [...INDEXES, ...MANIFESTS];
    if (schemaVersion === 1 || header.includes('distribution.manifest.v1+'))
      return this.#malformed('the image is of the first schema, which Docker has given up');
    const type = typeof mediaType === 'string' ? mediaType : header;
    if (!known.includes(type)) return this.#malformed(`${JSON.stringify(type.slice(0, 100))} is no type of an image`);
    if (known.includes(header) && header !== type) return this.#malformed(`it is called ${header}, and says ${type}`);
    const isIndex = INDEXES.includes(type);
    if (isIndex ? layers !== undefined || config !== undefined : manifests !== undefined)
      return this.#malformed('the manifest is an image and an index at once');
    return type;
  }

  #descriptors(value: unknown, field: string): Descriptor[] {
    if (value === null || value === undefined) return [];
    if (!Array.isArray(value)) return this.#malformed(`${field} of the manifest is no list`);
    return value.map((item) => this.#descriptor(item, field));
  }

  #descriptor(value: unknown, field: string): Descriptor {
    const { mediaType, digest, size, annotations, platform } = (value ?? {}) as Record<string, unknown>;
    if (typeof mediaType !== 'string' || !Number.isSafeInteger(size) || (size as number) < 0)
      return this.#malformed(`${field} of the manifest has a descriptor that is none`);
    let checked: Digest;
    try {
      checked = parseDigest(String(digest));
    } catch {
      return this.#malformed(`${field} of the manifest has no sha256 digest`);
    }
    return {
      mediaType,
      digest: checked,
      size: size as number,
      ...(isStrings(annotations) && { annotations }),
      ...(isPlatform(platform) && { platform }),
    };
  }

  /** Everything that a manifest leads to, each once. */
  async #collect(found: Found, depth: number): Promise<void> {
    const { digest, mediaType } = found.descriptor;
    if (this.#manifests.has(digest)) return;
    if (this.#manifests.size >= MAX_MANIFESTS) this.#malformed('the index has no end');
    if (depth > 0 && INDEXES.includes(mediaType))
      this.#malformed('it is an index of indexes, which wbuild does not keep');
    this.#manifests.set(digest, found);
    if (INDEXES.includes(mediaType)) {
      for (const child of this.#descriptors(found.json.manifests, 'manifests'))
        if (!this.#manifests.has(child.digest)) await this.#collect(await this.#child(child), depth + 1);
      return;
    }
    const config = this.#descriptor(found.json.config, 'config');
    for (const blob of [config, ...this.#descriptors(found.json.layers, 'layers')]) {
      const known = this.#blobs.get(blob.digest);
      if (known && known.size !== blob.size) this.#malformed(`${blob.digest} has two sizes`);
      this.#blobs.set(blob.digest, blob);
    }
  }

  async #pullBlobs(): Promise<void> {
    const { store, emit } = this.#options;
    const missing: Descriptor[] = [];
    for (const blob of this.#blobs.values()) {
      if (!(await store.touch(blob.digest, blob.size))) {
        missing.push(blob);
        continue;
      }
      const id = `pull ${blob.digest}`;
      emit({ type: 'step-started', id, name: `pulling ${blob.digest.slice(0, 19)}` });
      emit({ type: 'step-done', id, cached: true });
    }
    await this.#checkRoom(missing);
    const scheduler = createScheduler(PARALLEL, this.#client.signal);
    const settled = await Promise.allSettled(missing.map((blob) => scheduler.run(() => this.#pullBlob(blob))));
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
  }

  /** Better said before than when the disk is full. */
  async #checkRoom(missing: readonly Descriptor[]): Promise<void> {
    const { store } = this.#options;
    let folder = path.resolve(store.folder);
    while (!existsSync(folder)) folder = path.dirname(folder);
    const disk = await statfs(folder).catch(() => undefined);
    const needed = missing.reduce((sum, { size }) => sum + size, 0);
    if (!disk || needed <= disk.bavail * disk.bsize) return;
    fail({
      code: 'StoreNotWritable',
      message: `${this.#what}: its ${needed} bytes do not fit on the disk of ${store.folder}`,
      hint: 'free some space, or choose another cache with --cache-dir',
    });
  }

  async #pullBlob(blob: Descriptor): Promise<void> {
    const { store, emit } = this.#options;
    const id = `pull ${blob.digest}`;
    emit({ type: 'step-started', id, name: `pulling ${blob.digest.slice(0, 19)}` });
    try {
      const onBytes = (bytes: number) => emit({ type: 'step-progress', id, bytes, total: blob.size });
      const place = { client: this.#client, repository: this.#options.reference.path, what: this.#what };
      await store.write(downloadBlob(place, blob, onBytes));
      emit({ type: 'step-done', id });
    } catch (error) {
      emit({ type: 'step-failed', id, message: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  #malformed(problem: string): never {
    return malformed(this.#what, this.#client.domain, problem);
  }
}

function isStrings(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((v) => typeof v === 'string')
  );
}

function isPlatform(value: unknown): value is Platform {
  const { os, architecture, variant } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof os === 'string' && typeof architecture === 'string' && (variant === undefined || typeof variant === 'string')
  );
}
