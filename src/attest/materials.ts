/**
 * What a build was made of: the Dockerfile and, for each context that it read, a digest of what it could read there.
 *
 * A folder has no digest of its own, so it gets two, both over the entries that the source op selects (the paths that COPY names, ignore files
 * applied), with paths relative to the context:
 *
 * - `dirHash`, in-toto's: names and contents of the regular files. Anyone can take it with `sha256sum` (docs/attestations.md says how).
 * - `sha256`: of a list of all entries, one line of JSON for each: path, type, and what the type has. A file has the digest of its content, and is
 *   `executable` when its owner may run it, as in git; a link has its target, a device its numbers; names of one inode are said to be hard links.
 *
 * Left out, since they follow from the machine and not from the source: owners (COPY sets them), times, and all other permission bits, which come
 * from the umask. Where they reach the image, the digest of the image covers them; the two digests here are to say which source it was.
 * @see https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md
 */
import { createHash } from 'node:crypto';
import type { Vertex } from '../llb/op.js';
import type { Platform } from '../oci/descriptor.js';
import { parseReference } from '../oci/reference.js';
import { type DirectoryNode, type FileNode, type Node, walkTree } from '../snapshot/file-tree.js';
import { type Digest, hexOf, sha256 } from '../util/digest.js';
import { compareBytes, encodeText } from '../util/text.js';
import { imagePurl } from './purl.js';

/** Something that the image was made of. */
export interface Material {
  readonly uri: string;
  /** By algorithm. */
  readonly digest: Readonly<Record<string, string>>;
}

export interface MaterialsInput {
  /** Of the Dockerfile. */
  readonly dockerfile: Uint8Array;
  /** The source vertices of the graph, with what they gave. */
  readonly sources: readonly { readonly vertex: Vertex; readonly tree: DirectoryNode }[];
  /** The one that is built for, which an image in an OCI layout was chosen by. */
  readonly platform: Platform;
  readonly digestOf: (file: FileNode) => Promise<Digest>;
}

/** Every material, by URI in byte order. A context is named as in the graph: `local://context`, `local://assets`. */
export async function findMaterials(input: MaterialsInput): Promise<Material[]> {
  const found: Material[] = [{ uri: 'local://dockerfile', digest: { sha256: hexOf(sha256(input.dockerfile)) } }];
  for (const { vertex, tree } of input.sources) {
    if (vertex.op.kind !== 'source') continue;
    const { identifier } = vertex.op;
    const layout = /^oci-layout:\/\/(.+)@sha256:([0-9a-f]+)$/.exec(identifier);
    if (!layout) {
      found.push({ uri: identifier, digest: await treeDigests(tree, input.digestOf) });
      continue;
    }
    const [, name, hex] = layout;
    const uri = imagePurl('oci', parseReference(`${name}@sha256:${hex}`), input.platform);
    found.push({ uri, digest: { sha256: hex! } });
  }
  return found.sort((a, b) => compareBytes(a.uri, b.uri));
}

async function treeDigests(
  tree: DirectoryNode,
  digestOf: MaterialsInput['digestOf'],
): Promise<Readonly<Record<string, string>>> {
  const listing = createHash('sha256');
  const files: { readonly path: Buffer; readonly hex: string }[] = [];
  const names = new Map<Node, string>();
  let plain = true;
  for (const [path, node] of walkTree(tree)) {
    const linked = names.get(node);
    const line = (...fields: string[]) => listing.update(encodeText(`${JSON.stringify([path, ...fields])}\n`));
    if (node.type !== 'file') {
      line(node.type, ...contentOf(node));
      continue;
    }
    const hex = hexOf(await digestOf(node));
    files.push({ path: encodeText(path), hex });
    if (path.includes('\n')) plain = false;
    if (linked !== undefined) line('hardlink', linked);
    else line(node.mode & 0o100 ? 'executable' : 'file', hex);
    names.set(node, linked ?? path);
  }
  const digest = { sha256: listing.digest('hex') };
  // dirHash has no way to write a name with a line break in it
  return plain ? { dirHash: dirHash(files), ...digest } : digest;
}

function contentOf(node: Node): string[] {
  if (node.type === 'symlink') return [node.target];
  return node.type === 'char' || node.type === 'block' ? [`${node.major}:${node.minor}`] : [];
}

/** @see https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash#Hash1 */
function dirHash(files: readonly { readonly path: Buffer; readonly hex: string }[]): string {
  const hash = createHash('sha256');
  for (const { path, hex } of [...files].sort((a, b) => Buffer.compare(a.path, b.path))) {
    hash.update(`${hex}  `).update(path).update('\n');
  }
  return hash.digest('hex');
}
