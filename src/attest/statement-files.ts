/**
 * Statements among the files of `type=local` and `type=tar`: at the root of each platform, over what the image has there by that name.
 * @see moby/buildkit exporter/local/fs.go (CreateFS)
 */
import path from 'node:path';
import { fail } from '../diagnostic/build-error.js';
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform } from '../oci/platform.js';
import type { DirectoryNode, FileNode } from '../snapshot/file-tree.js';
import { sha256 } from '../util/digest.js';
import { goJson, type Json } from '../util/go-json.js';
import { quote } from '../util/text.js';

export interface StatementFile {
  readonly filename: string;
  readonly json: Json;
}

export interface Placing {
  /** In front of each name. */
  readonly prefix: string;
  /** Given where the platforms of a build share one folder: each gets its name into those of its statements. */
  readonly platform: Platform | undefined;
}

/** The tree with the statements in it. @throws BuildError `InvalidOutput` for two of one name */
export function withStatements(
  tree: DirectoryNode,
  files: readonly StatementFile[],
  { prefix, platform }: Placing,
): DirectoryNode {
  const entries = new Map(tree.entries);
  const taken = new Set<string>();
  for (const { filename, json } of files) {
    const name = `${prefix}${platform ? withPlatform(filename, platform) : filename}`;
    if (taken.has(name)) {
      const hint = 'leave filename= out, or choose another one';
      fail({ code: 'InvalidOutput', message: `two attestations would be called ${quote(name)}`, hint });
    }
    taken.add(name);
    entries.set(name, fileNode(Buffer.from(goJson(json, 2))));
  }
  return { ...tree, entries };
}

/** `provenance.linux_amd64.json`. */
function withPlatform(filename: string, platform: Platform): string {
  const { name, ext } = path.posix.parse(filename);
  return `${name}.${formatPlatform(platform).replaceAll('/', '_')}${ext}`;
}

/** For the owner's eyes, as BuildKit has it. The time is that of all files of such an output. */
function fileNode(bytes: Uint8Array): FileNode {
  const content = { kind: 'bytes', bytes, digest: sha256(bytes) } as const;
  return { type: 'file', mode: 0o600, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0, size: bytes.length, content };
}
