/** Modes and times that this machine alone gives the files of an image. */
import type { SourceRange } from '../../diagnostic/diagnostic.js';
import { printable } from '../../diagnostic/display.js';
import { listVertices } from '../../llb/marshal.js';
import type { Vertex } from '../../llb/op.js';
import { type Change, diffTrees } from '../../snapshot/diff.js';
import { EMPTY_TREE, type FileNode, type Node } from '../../snapshot/file-tree.js';
import { contextName } from '../../solver/ops/source-op.js';
import type { LayerStep, Snapshot } from '../../solver/snapshot.js';
import type { Digest } from '../../util/digest.js';
import { type Finding, listNames, modeText } from './finding.js';

/** A COPY from a folder on this machine, and what it changed. */
export interface FolderCopy {
  readonly vertex: Vertex;
  readonly range: SourceRange | undefined;
  /** --chmod sets every bit, so that no umask shows through. */
  readonly setsModes: boolean;
  readonly changes: readonly Change[];
}

interface FolderCopiesInput {
  /** What each vertex came to. */
  readonly snapshots: ReadonlyMap<Digest, Snapshot>;
  /** The names of the contexts that are folders. */
  readonly folders: ReadonlySet<string>;
}

/** The COPYs from folders on this machine that a result is made of. */
export function folderCopies(result: Vertex, { snapshots, folders }: FolderCopiesInput): FolderCopy[] {
  return listVertices(result).flatMap((vertex) => {
    const { op, inputs, metadata } = vertex;
    if (op.kind !== 'file') return [];
    const copies = op.actions.flatMap(({ action, secondaryInput }) => {
      const origin = inputs[secondaryInput];
      const isFolder = origin?.op.kind === 'source' && folders.has(contextName(origin.op));
      return isFolder && action.kind === 'copy' ? [action] : [];
    });
    const upper = snapshots.get(vertex.digest);
    if (copies.length === 0 || !upper) return [];
    const base = inputs[op.actions[0]!.input];
    const lower = base ? snapshots.get(base.digest)!.tree : EMPTY_TREE;
    const setsModes = copies.every((c) => c.mode !== -1 || c.modeStr.includes('='));
    const range = metadata.actionRanges?.length === 1 ? metadata.actionRanges[0] : metadata.ranges[0];
    return [{ vertex, range, setsModes, changes: diffTrees(lower, upper.tree, () => true) }];
  });
}

/**
 * Modes that umask 022 does not give. git keeps none but the executable bit, so a checkout under another umask has others, and the image
 * another digest. What nobody may write to was made so on purpose, and does not come from a umask.
 */
export function umaskModes(copies: readonly FolderCopy[], steps: readonly LayerStep[]): Finding[] {
  const layers = new Set(steps.map((l) => l.vertex));
  let shipped: ReadonlySet<string> | undefined;
  return copies.flatMap(({ vertex, range, setsModes, changes }) => {
    if (setsModes) return [];
    let odd = changes.filter(({ node }) => isUmaskMode(node));
    if (odd.length > 0 && !layers.has(vertex.digest)) {
      shipped ??= shippedFiles(steps); // a stage that the image copies from in turn
      odd = odd.filter(({ node }) => node.type === 'file' && shipped!.has(fileKey(node)));
    }
    if (odd.length === 0) return [];
    const list = listNames(odd.map(({ path, node }) => `${nameOf(path, node)} (${modeText(node)})`));
    const which = odd.length === 1 ? 'this mode comes' : `${odd.length} modes come`;
    const message = `${which} from the umask of this machine, and the digest of the image with it: ${list}`;
    return [{ code: 'UmaskDependentMode', message, ...place(range), hint: chmodHint(odd) }];
  });
}

function isUmaskMode(node: Node): boolean {
  const bits = node.mode & 0o777;
  if ((bits & 0o200) === 0) return false;
  if (node.type === 'directory') return bits !== 0o755;
  return node.type === 'file' && isOnDisk(node) && bits !== 0o644 && bits !== 0o755;
}

function isOnDisk({ content }: FileNode): boolean {
  return content.kind === 'file' && content.stamp !== undefined;
}

function shippedFiles(steps: readonly LayerStep[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { lower, upper } of steps) {
    for (const { node } of diffTrees(lower, upper, () => true)) if (node.type === 'file') keys.add(fileKey(node));
  }
  return keys;
}

function fileKey({ content, mode }: FileNode): string {
  return content.kind === 'file' ? `${mode} ${content.path}` : '';
}

function chmodHint(odd: readonly Change[]): string {
  const [only] = odd;
  if (odd.length > 1 || only!.node.type === 'directory')
    return 'write COPY --chmod=u=rwX,go=rX, which Docker has since Dockerfile 1.14';
  return `write COPY --chmod=${(only!.node.mode & 0o111) === 0 ? '644' : '755'}`;
}

/** Times later than the epoch become the epoch; those before stay, and are those of this checkout. */
export function oldTimes(copies: readonly FolderCopy[], steps: readonly LayerStep[], epochSeconds: number): Finding[] {
  const layers = new Set(steps.map((l) => l.vertex));
  return copies.flatMap(({ vertex, range, changes }) => {
    if (!layers.has(vertex.digest)) return [];
    const old = changes.filter(({ node }) => node.mtime < epochSeconds && (node.type !== 'file' || isOnDisk(node)));
    if (old.length === 0) return [];
    const list = listNames(old.map(({ path, node }) => `${nameOf(path, node)} (${dateText(node.mtime)})`));
    const which = old.length === 1 ? 'this file is' : `${old.length} files are`;
    const message = `${which} older than the epoch, ${dateText(epochSeconds)}, so the layer has the time of this checkout: ${list}`;
    const touch = `give it the time of the epoch (touch -d @${epochSeconds})`;
    const hint = epochSeconds > 0 ? `${touch}, or leave SOURCE_DATE_EPOCH at 0` : touch;
    return [{ code: 'MtimeBeforeEpoch', message, ...place(range), hint }];
  });
}

function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString().replace('.000Z', 'Z');
}

/** A file by its name in the context, which its user knows; anything else by its name in the image. */
function nameOf(path: string, node: Node): string {
  return printable(node.type === 'file' && node.content.kind === 'file' ? node.content.label : `/${path}`);
}

function place(range: SourceRange | undefined): { readonly range?: SourceRange } {
  return range ? { range } : {};
}
