/** Op kind → what runs it; what trees and patterns refuse becomes an error that names the COPY. */
import type { Context } from '../context/open-context.js';
import { fail } from '../diagnostic/build-error.js';
import type { FileOp, Vertex } from '../llb/op.js';
import { type DirectoryNode, EMPTY_TREE } from '../snapshot/file-tree.js';
import { PatternError } from '../snapshot/glob.js';
import { mergeTrees } from '../snapshot/merge.js';
import type { TreeError } from '../snapshot/tree-editor.js';
import { unreachable } from '../util/unreachable.js';
import { explainMissing } from './explain-missing.js';
import { ActionError, freshRoot, runFileOp } from './ops/file-op.js';
import { runSourceOp } from './ops/source-op.js';
import { NO_STEPS, type Snapshot } from './snapshot.js';
import { UserError } from './users.js';

type Contexts = ReadonlyMap<string, Context>;

/**
 * Runs one vertex.
 * @throws BuildError `SourceNotFound`, `CopyIgnoredFile`, `CopyConflict`, `InvalidPattern`, `InvalidPath`, `InvalidUser`, with the place of the COPY;
 * what contexts throw
 */
export async function runVertex(vertex: Vertex, inputs: readonly Snapshot[], contexts: Contexts): Promise<Snapshot> {
  const { op } = vertex;
  switch (op.kind) {
    case 'source':
      return { tree: await runSourceOp(op, contexts).catch((error) => badSource(error, vertex)), steps: NO_STEPS };
    case 'file': {
      const tree = await runFile(
        vertex,
        op,
        inputs.map((i) => i.tree),
        contexts,
      );
      const base = inputs[op.actions[0]!.input];
      const own = { lower: base?.tree ?? EMPTY_TREE, upper: tree, vertex: vertex.digest };
      return { tree, steps: { below: base ? [base.steps] : [], own } };
    }
    case 'merge': {
      const merged = op.inputs.map((i) => inputs[i]!);
      const [first, ...rest] = merged;
      return {
        tree: freshRoot(rest.reduce((lower, { tree }) => mergeTrees(lower, tree), first!.tree)),
        steps: { below: merged.map((m) => m.steps) },
      };
    }
    default:
      return unreachable(op);
  }
}

async function runFile(
  vertex: Vertex,
  op: FileOp,
  trees: readonly DirectoryNode[],
  contexts: Contexts,
): Promise<DirectoryNode> {
  try {
    return runFileOp(op, vertex.digest, trees);
  } catch (error) {
    if (!(error instanceof ActionError)) throw error;
    const range = vertex.metadata.actionRanges?.[error.index] ?? vertex.metadata.ranges[0];
    const place = range ? { range } : {};
    if (error.cause instanceof PatternError) return badPattern(error.cause, place);
    if (error.cause instanceof UserError) return badUser(error.cause, vertex, place);
    if (error.cause.reason === 'not-found') {
      const from = op.actions[error.index]!.secondaryInput;
      const typed = vertex.metadata.actionTexts?.[error.index];
      const missing = {
        path: error.cause.path,
        tree: trees[from] ?? EMPTY_TREE,
        origin: vertex.inputs[from],
        range,
        typed,
      };
      return explainMissing(missing, contexts);
    }
    return conflict(error.cause, place);
  }
}

function badSource(error: unknown, { metadata }: Vertex): never {
  if (!(error instanceof PatternError)) throw error;
  const range = metadata.pathRanges?.get(error.pattern);
  return badPattern(error, range ? { range } : {});
}

function badPattern(error: PatternError, place: object): never {
  const message = `the source ${JSON.stringify(error.pattern)} is a pattern that cannot be understood`;
  fail(
    { code: 'InvalidPattern', message, hint: 'close the bracket; [[] stands for a bracket in a name', ...place },
    error,
  );
}

function badUser(error: UserError, { metadata: { owner } }: Vertex, place: object): never {
  const at = owner ? { range: owner.range } : place;
  if (!error.empty) {
    fail({ code: 'InvalidUser', message: error.message, hint: 'give ids: --chown=1000:1000', ...at }, error);
  }
  const why = owner?.link
    ? 'what the copy is made on, and that is nothing under --link'
    : 'the stage, and there is nothing in it yet';
  const hint = owner?.link
    ? 'leave --link out, or give ids: --chown=1000:1000'
    : 'copy /etc/passwd and /etc/group first, or give ids: --chown=1000:1000';
  fail({ code: 'InvalidUser', message: `--chown=${error.user}: names are looked up in ${why}`, hint, ...at }, error);
}

function conflict(error: TreeError, place: object): never {
  if (error.reason === 'too-many-links' || error.reason === 'invalid') {
    const hint =
      error.reason === 'invalid'
        ? 'choose another destination'
        : 'a link on this path leads back to itself: leave it out, or choose another destination';
    fail({ code: 'InvalidPath', message: error.message, hint, ...place }, error);
  }
  const hint = 'choose another destination, or do not copy what stands there';
  fail({ code: 'CopyConflict', message: error.message, hint, ...place }, error);
}
