/** Solving that goes on after a failure, to find all that is wrong: for `wbuild check`, and for the message of a build that failed. */
import type { Context } from '../context/open-context.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { FileAction, FileOp, Vertex } from '../llb/op.js';
import { EMPTY_TREE } from '../snapshot/file-tree.js';
import type { Digest } from '../util/digest.js';
import { runVertex } from './run-vertex.js';
import { NO_STEPS, type Snapshot } from './snapshot.js';
import { solve } from './solver.js';

export interface Solving {
  readonly snapshots: ReadonlyMap<Digest, Snapshot>;
  readonly errors: readonly Diagnostic[];
}

/** What a vertex came to; `whole` is false where something it needed was not to be had. */
interface Outcome extends Snapshot {
  readonly whole: boolean;
}

/** The trees of all vertices, without layers. A COPY that fails is told and left out, so that the next one is looked at too. */
export async function solveTolerantly(
  result: Vertex | undefined,
  contexts: ReadonlyMap<string, Context>,
  signal?: AbortSignal,
): Promise<Solving> {
  const snapshots = new Map<Digest, Snapshot>();
  const errors: Diagnostic[] = [];
  if (!result) return { snapshots, errors };
  await solve(result, async (vertex, inputs: readonly Outcome[]): Promise<Outcome> => {
    signal?.throwIfAborted();
    const outcome = await runTolerantly(vertex, inputs, contexts, (d) => errors.push(d));
    snapshots.set(vertex.digest, outcome);
    return outcome;
  });
  return { snapshots, errors };
}

async function runTolerantly(
  vertex: Vertex,
  inputs: readonly Outcome[],
  contexts: ReadonlyMap<string, Context>,
  report: (diagnostic: Diagnostic) => void,
): Promise<Outcome> {
  const whole = inputs.every((i) => i.whole);
  for (let left = vertex; ; ) {
    try {
      return { ...(await runVertex(left, inputs, contexts)), whole: whole && left === vertex };
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      const failed = failedAction(left, error);
      const { op } = left;
      const source =
        op.kind === 'file' && failed !== undefined ? inputs[op.actions[failed]!.secondaryInput] : undefined;
      // what an earlier failure has left out is missing here for no fault of this COPY
      if (source?.whole !== false) for (const diagnostic of error.diagnostics) report(diagnostic);
      const rest = op.kind === 'file' ? without(left, op, failed) : undefined;
      if (rest) left = rest;
      else return { ...(baseOf(vertex, inputs) ?? { tree: EMPTY_TREE, steps: NO_STEPS }), whole: false };
    }
  }
}

/** The action that an error speaks of, by its place. */
function failedAction({ metadata }: Vertex, error: BuildError): number | undefined {
  const range = error.diagnostics[0]?.range;
  const index = (range && metadata.actionRanges?.indexOf(range)) ?? -1;
  return index < 0 ? undefined : index;
}

/**
 * A vertex without what failed: one of its actions, or its --chown; undefined when nothing is left. Every action works on what the one before
 * it made.
 */
function without(vertex: Vertex, op: FileOp, failed: number | undefined): Vertex | undefined {
  if (failed === undefined) return withoutOwner(vertex, op);
  const drop = <T>(list: readonly T[]) => list.filter((_, i) => i !== failed);
  const rest = drop(op.actions);
  if (rest.length === 0) return undefined;
  const base = op.actions[0]!.input;
  const actions = rest.map(
    (action, i): FileAction => ({
      ...action,
      input: i === 0 ? base : vertex.inputs.length + i - 1,
      output: i === rest.length - 1 ? 0 : -1,
    }),
  );
  const { actionRanges, actionTexts } = vertex.metadata;
  const metadata = {
    ...vertex.metadata,
    ...(actionRanges && { actionRanges: drop(actionRanges) }),
    ...(actionTexts && { actionTexts: drop(actionTexts) }),
  };
  return { ...vertex, op: { ...op, actions }, metadata };
}

function withoutOwner(vertex: Vertex, op: FileOp): Vertex | undefined {
  if (!op.actions.some(({ action }) => action.kind === 'copy' && action.owner)) return undefined;
  const actions = op.actions.map((a): FileAction => {
    if (a.action.kind !== 'copy') return a;
    const { owner: _, ...action } = a.action;
    return { ...a, action };
  });
  return { ...vertex, op: { ...op, actions } };
}

function baseOf({ op }: Vertex, inputs: readonly Outcome[]): Outcome | undefined {
  if (op.kind === 'source') return undefined;
  return inputs[op.kind === 'file' ? op.actions[0]!.input : op.inputs[0]!];
}
