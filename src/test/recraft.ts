/**
 * Images as another builder might have made them: an archive of ours, taken apart, changed in one place, and put together again with every
 * digest right.
 */
import { gzipSync } from 'node:zlib';
import { BLOCK_SIZE, END_OF_ARCHIVE, encodeHeader, padding, type TarHeader } from '../layer/tar.js';
import { MEDIA_TYPES } from '../oci/media-types.js';
import { hexOf, parseDigest, sha256 } from '../util/digest.js';
import { goJson, type Json } from '../util/go-json.js';
import { readEntries } from './read-image.js';

/** An entry of a layer. */
export interface Entry {
  readonly header: TarHeader;
  readonly bytes: Buffer;
  /** Records of an extended header before the entry. */
  readonly pax?: Readonly<Record<string, string>>;
}

// biome-ignore lint/suspicious/noExplicitAny: a JSON document of an image, which a test changes as it likes
type Document = any;

export interface Changes {
  /** The entries of the first layer. */
  readonly entries?: (entries: Entry[]) => Entry[];
  /** The tar of the first layer. */
  readonly tar?: (tar: Buffer) => Buffer;
  /** How layers are stored; as they are if not given. */
  readonly gzipLevel?: number;
  readonly config?: (config: Document) => Document;
  readonly configText?: (text: string) => string;
  readonly manifest?: (manifest: Document) => Document;
  /** Entries of index.json. */
  readonly named?: (descriptor: Document) => Document;
  /** Files of the archive beside those of the image. */
  readonly around?: readonly (readonly [name: string, bytes: Buffer])[];
  /** `docker`: the archive of `docker save` before version 25. */
  readonly form?: 'oci' | 'docker';
}

/** The archive of an image with uncompressed layers, changed. */
export async function recraft(archive: Buffer, changes: Changes): Promise<Buffer> {
  const files = new Map((await readEntries(archive)).map((e) => [e.path, e.bytes]));
  const blob = (digest: string) => files.get(`blobs/sha256/${hexOf(parseDigest(digest))}`)!;
  const index: Document = JSON.parse(String(files.get('index.json')));
  const manifest: Document = JSON.parse(String(blob(index.manifests[0].digest)));
  let config: Document = JSON.parse(String(blob(manifest.config.digest)));

  const tars: Buffer[] = [];
  for (const [i, layer] of (manifest.layers ?? []).entries()) {
    let tar = blob(layer.digest);
    if (i === 0 && changes.entries) tar = writeTar(changes.entries(await readTarEntries(tar)));
    tars.push(i === 0 && changes.tar ? changes.tar(tar) : tar);
  }
  config.rootfs.diff_ids = tars.map((tar) => sha256(tar));
  config = changes.config?.(config) ?? config;
  const text = changes.configText?.(goJson(config)) ?? goJson(config);
  const configBytes = Buffer.from(text);
  if (changes.form === 'docker') return savedArchive(configBytes, tars);

  const stored = tars.map((tar) =>
    changes.gzipLevel === undefined ? tar : gzipSync(tar, { level: changes.gzipLevel }),
  );
  manifest.config = { ...manifest.config, digest: sha256(configBytes), size: configBytes.length };
  manifest.layers = stored.map((bytes, i) => ({
    ...manifest.layers[i],
    ...(changes.gzipLevel !== undefined && { mediaType: MEDIA_TYPES.layerGzip }),
    digest: sha256(bytes),
    size: bytes.length,
  }));
  const manifestBytes = Buffer.from(goJson(changes.manifest?.(manifest) ?? manifest, 2));
  const named = { ...index.manifests[0], digest: sha256(manifestBytes), size: manifestBytes.length };
  const blobs = [...stored, configBytes, manifestBytes];
  return writeArchive([
    ...blobs.map((bytes): [string, Buffer] => [`blobs/sha256/${hexOf(sha256(bytes))}`, bytes]),
    ['index.json', Buffer.from(goJson({ ...index, manifests: [changes.named?.(named) ?? named] }))],
    ['oci-layout', files.get('oci-layout')!],
    ...(changes.around ?? []),
  ]);
}

/** As Docker wrote it before it kept images as OCI has them: a folder for each layer, and links where layers repeat. */
function savedArchive(config: Buffer, tars: readonly Buffer[]): Buffer {
  const name = `${hexOf(sha256(config))}.json`;
  const layers = tars.map((tar, i) => [`${hexOf(sha256(`${i}`))}/layer.tar`, tar] as [string, Buffer]);
  const manifest: Json = [{ Config: name, RepoTags: ['app:1'], Layers: layers.map(([file]) => file) }];
  return writeArchive([...layers, [name, config], ['manifest.json', Buffer.from(goJson(manifest))]]);
}

function writeArchive(files: readonly (readonly [string, Buffer])[]): Buffer {
  const header = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0 } as const;
  return writeTar(files.map(([path, bytes]) => ({ header: { ...header, path, size: bytes.length }, bytes })));
}

async function readTarEntries(tar: Buffer): Promise<Entry[]> {
  return (await readEntries(tar)).map(({ path, type, mode, uid, gid, mtime, linkname, bytes }) => {
    const known = type === 'link' ? 'hardlink' : (type as TarHeader['type']);
    const name = type === 'directory' && !path.endsWith('/') ? `${path}/` : path;
    return {
      header: { path: name, type: known, mode, uid, gid, mtime, size: bytes.length, ...(linkname && { linkname }) },
      bytes,
    };
  });
}

/** Entries → tar, with headers as wbuild writes them. */
export function writeTar(entries: readonly Entry[]): Buffer {
  return Buffer.concat([
    ...entries.flatMap(({ header, bytes, pax }) => [
      ...(pax ? [paxHeader(pax)] : []),
      encodeHeader({ ...header, size: bytes.length }),
      bytes,
      Buffer.alloc(padding(bytes.length)),
    ]),
    END_OF_ARCHIVE,
  ]);
}

function paxHeader(records: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.from(
    Object.entries(records)
      .map(([key, value]) => {
        const rest = Buffer.byteLength(` ${key}=${value}\n`);
        const length = rest + String(rest + String(rest).length).length;
        return `${length} ${key}=${value}\n`;
      })
      .join(''),
  );
  const fields = { mode: 0, uid: 0, gid: 0, mtime: 0, size: body.length };
  const block = Buffer.from(encodeHeader({ path: 'PaxHeaders.0/entry', type: 'file', ...fields }));
  block.write('x', 156, 'latin1');
  return Buffer.concat([resealed(block), body, Buffer.alloc(padding(body.length))]);
}

/** A header block with its checksum right again. */
export function resealed(block: Buffer): Buffer {
  const sealed = Buffer.from(block);
  sealed.fill(0x20, 148, 156);
  const sum = sealed.subarray(0, BLOCK_SIZE).reduce((total, byte) => total + byte, 0);
  sealed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return sealed;
}
