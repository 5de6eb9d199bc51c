/** Runs file ops: COPY and inline files. */
import type { CopyAction, FileOp, MkfileAction, Owner, UserOpt } from '../../llb/op.js';
import { copyTree, type OwnerIds } from '../../snapshot/copy.js';
import { BUILD_TIME, type DirectoryNode, EMPTY_TREE } from '../../snapshot/file-tree.js';
import { PatternError } from '../../snapshot/glob.js';
import { checkSelected, missingPath } from '../../snapshot/required.js';
import { TreeEditor, TreeError } from '../../snapshot/tree-editor.js';
import { type Digest, sha256 } from '../../util/digest.js';
import { lookUpId, UserError } from '../users.js';

/** What went wrong in one action of the op. */
export class ActionError extends Error {
  constructor(
    readonly index: number,
    override readonly cause: TreeError | PatternError | UserError,
  ) {
    super(cause.message);
  }
}

/**
 * The tree that the last action of the op makes.
 * @throws ActionError
 */
export function runFileOp(op: FileOp, vertex: Digest, inputs: readonly DirectoryNode[]): DirectoryNode {
  const trees = [...inputs];
  // an input that is also built on is hashed as a whole
  const whole = new Set(op.actions.map(({ input }) => input));
  for (const [index, { input, secondaryInput, action }] of op.actions.entries()) {
    const below = trees[input] ?? EMPTY_TREE;
    const base = input < inputs.length ? freshRoot(below) : below;
    try {
      const source = trees[secondaryInput];
      const read = { source: source ?? EMPTY_TREE, unread: source === undefined || whole.has(secondaryInput) };
      trees.push(action.kind === 'mkfile' ? makeFile(base, action, vertex) : copy(read, base, action, inputs));
    } catch (error) {
      const ofAction = error instanceof TreeError || error instanceof PatternError || error instanceof UserError;
      throw ofAction ? new ActionError(index, error) : error;
    }
  }
  return trees.at(-1)!;
}

/** A step works in a layer of its own, whose root folder is made for it: the time that an earlier COPY gave to / does not last. */
export function freshRoot(tree: DirectoryNode): DirectoryNode {
  return { ...tree, mtime: BUILD_TIME, mtimeNsec: 0 };
}

interface ReadFrom {
  readonly source: DirectoryNode;
  /** It is no input at all, or hashed as a whole, and not what the COPY selects of it. */
  readonly unread: boolean;
}

/**
 * BuildKit reads patterns, and looks for paths that must be there, as it hashes what is selected of an input. Of a stage without steps, and of the
 * very stage that is built on, it does not.
 * @see moby/buildkit solver/llbsolver/ops/file.go (CacheMap: invalidSelectors)
 */
function copy(
  { source, unread }: ReadFrom,
  base: DirectoryNode,
  action: CopyAction,
  inputs: readonly DirectoryNode[],
): DirectoryNode {
  if (!unread) {
    checkSelected(source, action);
    const missing = missingPath(source, action);
    if (missing !== undefined) throw new TreeError('not-found', missing, `${missing} does not exist`);
  }
  return copyTree(source, base, { ...action, unread }, action.owner && ownerIds(action.owner, inputs));
}

/**
 * An id stands for itself, and a user's also for the group where none is named; a name is looked up in the stage, and what is not
 * found is 0.
 * @see moby/buildkit solver/llbsolver/ops/user_linux.go
 */
function ownerIds({ user, group }: Owner, inputs: readonly DirectoryNode[]): OwnerIds {
  const resolve = (who: UserOpt, file: string) =>
    'id' in who ? { id: written(who.id), group: written(who.id) } : lookUpId(inputs[who.input], file, who.name);
  const found = (user && resolve(user, '/etc/passwd')) ?? { id: 0, group: 0 };
  const gid = group && resolve(group, '/etc/group')?.id;
  return { uid: found.id, gid: gid ?? found.group };
}

/** -1, which chown(2) takes for "leave it": 0, since root makes the files. */
function written(id: number): number {
  return id === 0xffffffff ? 0 : id;
}

/** A heredoc as a file. Two inline files have the same time only when they are one vertex. */
function makeFile(base: DirectoryNode, { path, mode, data }: MkfileAction, vertex: Digest): DirectoryNode {
  const editor = new TreeEditor(base);
  const mtimeNsec = Number.parseInt(vertex.slice(-8), 16) + 1;
  const content = { kind: 'bytes', bytes: data, digest: sha256(data) } as const;
  editor.create(path, { type: 'file', mode, uid: 0, gid: 0, mtime: BUILD_TIME, mtimeNsec, size: data.length, content });
  return editor.finish();
}
