/** What a layer is made of, as text to remember, and what differs between two of them. For explanations alone: no key is made of it. */
import type { FieldChange, PathChange } from '../progress/cache-miss.js';
import type { Change } from '../snapshot/diff.js';
import type { FileNode, Node } from '../snapshot/file-tree.js';
import { type Digest, hexOf } from '../util/digest.js';
import { compareBytes } from '../util/text.js';

/** Enough of a digest to see a difference by. */
const DIGITS = 16;

/** The fields of a line, in their order, apart from the path. */
const FIELDS = ['type', 'mode', 'owner', 'mtime', 'content'] as const;

/** What the last field of a line is, by the type of the entry. */
const CONTENT_FIELD: Readonly<Record<string, FieldChange['field']>> = {
  symlink: 'target',
  hardlink: 'hard link',
  char: 'device',
  block: 'device',
};

/**
 * A layer as lines of JSON, one for each entry: what reaches the bytes of the layer, as in layer-key.ts.
 * @param digestOf the digest of a file's content, where it is known
 */
export function layerListing(
  changes: readonly Change[],
  epochSeconds: number,
  digestOf: (file: FileNode) => Digest | undefined,
): string {
  const first = new Map<Node, string>();
  const done: Buffer[] = [];
  let text = '';
  for (const { path, node } of changes) {
    const linked = node.type === 'file' ? first.get(node) : undefined;
    if (node.type === 'file' && linked === undefined) first.set(node, path);
    const type = linked === undefined ? node.type : 'hardlink';
    const mtime = Math.min(node.mtime, epochSeconds);
    const mode = node.mode.toString(8).padStart(4, '0');
    const content = JSON.stringify(linked ?? contentOf(node, digestOf));
    text += `[${JSON.stringify(path)},"${type}","${mode}","${node.uid}:${node.gid}","${mtime}",${content}]\n`;
    if (text.length < 65_536) continue;
    done.push(Buffer.from(text)); // a string that grows is a tree of its parts, of several times its size
    text = '';
  }
  return Buffer.concat([...done, Buffer.from(text)]).toString();
}

function contentOf(node: Node, digestOf: (file: FileNode) => Digest | undefined): string {
  if (node.type === 'symlink') return node.target;
  if (node.type === 'char' || node.type === 'block') return `${node.major}:${node.minor}`;
  if (node.type !== 'file' || node.size === 0) return '';
  const digest = digestOf(node);
  return digest === undefined ? `${node.size} bytes` : hexOf(digest).slice(0, DIGITS);
}

/** Every path that differs, in byte order; but folders that differ in their time alone come last, since a file in them tells more. */
export function compareListings(before: string, after: string): PathChange[] {
  const old = new Map(readListing(before));
  const found: PathChange[] = [];
  const folders: PathChange[] = [];
  for (const [path, fields] of readListing(after)) {
    const was = old.get(path);
    old.delete(path);
    if (!was) found.push({ path, how: 'added' });
    else {
      const changed = fieldChanges(was, fields);
      const timeAlone = fields[0] === 'directory' && changed.every((c) => c.field === 'mtime');
      if (changed.length > 0) (timeAlone ? folders : found).push({ path, how: 'changed', fields: changed });
    }
  }
  for (const path of old.keys()) found.push({ path, how: 'removed' });
  const byPath = (a: PathChange, b: PathChange) => compareBytes(a.path, b.path);
  return [...found.sort(byPath), ...folders.sort(byPath)];
}

function* readListing(text: string): Generator<[path: string, fields: string[]]> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    const [path, ...fields] = JSON.parse(text.slice(at, end)) as string[];
    yield [path!, fields];
    at = end + 1;
  }
}

function fieldChanges(before: readonly string[], after: readonly string[]): FieldChange[] {
  if (before[0] !== after[0]) return [{ field: 'type', before: before[0]!, after: after[0]! }];
  return FIELDS.flatMap((field, i): FieldChange[] => {
    const [was, is] = [before[i]!, after[i]!];
    if (was === is) return [];
    if (field !== 'content') return [{ field, before: was, after: is }];
    const named = CONTENT_FIELD[after[0]!];
    return [named === undefined ? { field } : { field: named, before: was, after: is }];
  });
}
