/**
 * The cache key of a layer.
 *
 * Covers everything that reaches the bytes of the blob: for each entry in order its path, type, mode, owner, clamped mtime and whether the
 * unclamped one needed PAX, size, link target or the entry that it is a hard link of, device numbers, and the SHA-256 of its content; the
 * compression with its level; the version of the format.
 * Leaves out what does not: where content lies, unclamped mtimes, the Dockerfile, the vertex, the context. So two Dockerfiles that yield
 * the same tree share the layer, and a file that is only touched redoes nothing. That is sound because layer/pieces.ts reads nothing else:
 * the tar stream is a function of the changes as listed here and of the epoch, which has no effect but the clamp.
 *
 * The *shape* is the same without the content. A layer whose shape is unknown cannot be known, so a first build hashes no content to find
 * that out; it takes the digests while it writes the layer.
 */
import type { LayerOptions } from '../layer/build-layer.js';
import { LAYER_VERSION } from '../layer/codec.js';
import type { Change } from '../snapshot/diff.js';
import type { FileNode } from '../snapshot/file-tree.js';
import type { LayerKey } from '../store/records.js';
import { type Digest, DigestStream } from '../util/digest.js';
import { encodeText, hasRawBytes } from '../util/text.js';

/** The first line of what is hashed. */
export const LAYER_FORMAT = `wbuild layer ${LAYER_VERSION}`;

/** Up to this mtime the field of a tar header does; what is later is written as PAX, even when it is clamped (layer/tar.ts). */
const MAX_OCTAL_MTIME = 8 ** 11 - 1;

/** The shape of a layer, and its files with content, in order, each once. */
export function layerShape(
  changes: readonly Change[],
  options: LayerOptions,
): { readonly shape: Digest; readonly files: readonly FileNode[] } {
  const hash = new TextHash();
  const files: FileNode[] = [];
  const first = new Map<FileNode, number>();
  // every field has its own line, and lines that may hold anything have their length in front: no two layers write the same text
  const line = (text: string) => hash.add(`${text}\n`);
  const text = (value: string) => hash.add(`${byteLength(value)}\n${value}`);
  line(LAYER_FORMAT);
  line(`${options.compression} ${options.compressionLevel ?? 'default'}`);
  for (const [index, { path, node }] of changes.entries()) {
    const pax = Number.isFinite(node.mtime) && (node.mtime > MAX_OCTAL_MTIME || node.mtime < 0);
    const { type, mode, uid, gid } = node;
    line(`${type} ${mode} ${uid} ${gid} ${Math.min(node.mtime, options.epochSeconds)} ${pax}`);
    text(path);
    if (node.type === 'symlink') text(node.target);
    if (node.type === 'char' || node.type === 'block') line(`${node.major} ${node.minor}`);
    if (node.type !== 'file') continue;
    const linked = first.get(node);
    line(linked === undefined ? `size ${node.size}` : `link ${linked}`);
    if (linked !== undefined) continue;
    first.set(node, index);
    if (node.size > 0) files.push(node);
  }
  return { shape: hash.digest(), files };
}

/** How long a text is in UTF-8. */
function byteLength(text: string): number {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) >= 0x80) return hasRawBytes(text) ? encodeText(text).length : Buffer.byteLength(text);
  return text.length;
}

/** The whole key: the shape and the content of the files that {@link layerShape} named, in that order. */
export function layerKey(shape: Digest, contents: readonly Digest[]): LayerKey {
  const hash = new TextHash();
  hash.add(`${shape}\n`);
  for (const digest of contents) hash.add(`${digest}\n`);
  return { shape, content: hash.digest() };
}

/** The digest of text that comes in many small parts. */
class TextHash {
  readonly #hash = new DigestStream();
  #pending = '';

  add(text: string): void {
    this.#pending += text;
    if (this.#pending.length > 32_768) this.#flush();
  }

  digest(): Digest {
    this.#flush();
    return this.#hash.digest();
  }

  #flush(): void {
    this.#hash.update(encodeText(this.#pending));
    this.#pending = '';
  }
}
