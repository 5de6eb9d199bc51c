/** Images read back by means that share nothing with the exporters: every blob is hashed, every layer is listed. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readAll, readTar, type TarEntry } from '../util/read-tar.js';
import { listFiles } from './rig.js';

export interface ReadDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

export interface ReadConfig {
  readonly os: string;
  readonly architecture: string;
  readonly created: string;
  readonly config: { readonly Entrypoint?: readonly string[]; readonly Env?: readonly string[] };
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] | null };
  readonly history: readonly { readonly created_by: string; readonly empty_layer?: boolean }[] | null;
}

export type ReadEntry = Omit<TarEntry, 'content'> & { readonly bytes: Buffer };

export interface ReadLayer {
  readonly descriptor: ReadDescriptor;
  readonly diffID: string;
  readonly entries: readonly ReadEntry[];
}

export interface ReadImage {
  /** What the archive, or the folder, is made of, in its order. */
  readonly files: readonly string[];
  /** `index.json`, parsed. */
  readonly index: { readonly manifests: readonly ReadDescriptor[] };
  /** `manifest.json` of a docker-archive, parsed; undefined when there is none. */
  readonly dockerManifest?: readonly {
    readonly Config: string;
    readonly RepoTags: readonly string[] | null;
    readonly Layers: readonly string[] | null;
  }[];
  readonly manifest: { readonly config: ReadDescriptor; readonly layers: readonly ReadDescriptor[] | null };
  readonly config: ReadConfig;
  readonly layers: readonly ReadLayer[];
}

/** The bytes of a digest as `sha256:…`. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The entries of a tar with their content. */
export async function readEntries(tar: Uint8Array): Promise<ReadEntry[]> {
  const entries: ReadEntry[] = [];
  for await (const { content, ...entry } of readTar([tar])) entries.push({ ...entry, bytes: await readAll(content) });
  return entries;
}

/**
 * Reads the one image of an OCI layout or docker-archive: a folder, a tar, or the bytes of a tar.
 * @throws Error when a blob has other bytes or another size than its descriptor says, or is not there.
 */
export async function readImage(source: string | Uint8Array): Promise<ReadImage> {
  const files = await readFiles(source);
  const json = (name: string) => JSON.parse(String(take(files, name)));
  const index = json('index.json');
  if (index.manifests.length !== 1) throw new Error(`index.json lists ${index.manifests.length} manifests`);
  const manifest = JSON.parse(String(blob(files, index.manifests[0])));
  const config: ReadConfig = JSON.parse(String(blob(files, manifest.config)));
  const descriptors: ReadDescriptor[] = manifest.layers ?? [];
  const layers = await Promise.all(descriptors.map((descriptor) => readLayer(descriptor, blob(files, descriptor))));
  const diffIDs = layers.map((layer) => layer.diffID);
  if (String(config.rootfs.diff_ids ?? []) !== String(diffIDs))
    throw new Error(`the config has other diff IDs than ${diffIDs}`);
  return {
    files: [...files.keys()],
    index,
    ...(files.has('manifest.json') ? { dockerManifest: json('manifest.json') } : {}),
    manifest,
    config,
    layers,
  };
}

async function readLayer(descriptor: ReadDescriptor, bytes: Buffer): Promise<ReadLayer> {
  const tar = /gzip$/.test(descriptor.mediaType) ? gunzipSync(bytes) : bytes;
  return { descriptor, diffID: digestOf(tar), entries: await readEntries(tar) };
}

async function readFiles(source: string | Uint8Array): Promise<Map<string, Buffer>> {
  if (typeof source === 'string' && fs.statSync(source).isDirectory()) {
    const names = listFiles(source).filter((name) => !name.endsWith('/'));
    return new Map(names.map((name) => [name, fs.readFileSync(path.join(source, name))]));
  }
  const entries = await readEntries(typeof source === 'string' ? fs.readFileSync(source) : source);
  return new Map(entries.filter((entry) => entry.type === 'file').map((entry) => [entry.path, entry.bytes]));
}

function take(files: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const bytes = files.get(name);
  if (!bytes) throw new Error(`${name} is missing; there are ${[...files.keys()].join(', ')}`);
  return bytes;
}

function blob(files: ReadonlyMap<string, Buffer>, { digest, size }: ReadDescriptor): Buffer {
  const bytes = take(files, `blobs/${digest.replace(':', '/')}`);
  if (bytes.length !== size) throw new Error(`${digest} has ${bytes.length} bytes, its descriptor says ${size}`);
  if (digestOf(bytes) !== digest) throw new Error(`${digest} has other bytes: ${digestOf(bytes)}`);
  return bytes;
}
