/** Plans and contexts → file trees. What the platforms of a build have in common is solved once. */
import type { Context } from '../context/open-context.js';
import { BuildError } from '../diagnostic/build-error.js';
import type { Plan } from '../frontend/to-llb.js';
import { layerVertices } from '../llb/layer-vertices.js';
import type { Vertex } from '../llb/op.js';
import type { Emit } from '../progress/event.js';
import { EMPTY_TREE } from '../snapshot/file-tree.js';
import { runVertex } from '../solver/run-vertex.js';
import { NO_STEPS, type Snapshot } from '../solver/snapshot.js';
import { solveTolerantly } from '../solver/solve-tolerantly.js';
import { solve } from '../solver/solver.js';
import type { Digest } from '../util/digest.js';
import { inOrder } from './plan.js';

export interface PlanToSolve {
  readonly plan: Plan;
  readonly contexts: ReadonlyMap<string, Context>;
}

export interface SolvePlansOptions {
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** Gets what each vertex came to, for those who want to know more than the results. */
  readonly results?: Map<Digest, Promise<Snapshot>>;
}

/**
 * Solves the graphs one after the other; vertices are shared by digest, which covers everything that a vertex reads. A step that makes a
 * layer of an image ends when that is written (image-writer.ts), any other when it is solved.
 * @throws what runVertex throws, for all vertices at once, in the order of the file; the reason of the signal when it is aborted
 */
export async function solvePlans(
  plans: readonly PlanToSolve[],
  { emit, signal, results = new Map() }: SolvePlansOptions,
): Promise<Snapshot[]> {
  const layers = new Set<Digest>();
  for (const { plan } of plans) for (const id of plan.result ? layerVertices(plan.result) : []) layers.add(id);
  const solved: Snapshot[] = [];
  for (const { plan, contexts } of plans) {
    if (!plan.result) {
      solved.push({ tree: EMPTY_TREE, steps: NO_STEPS });
      continue;
    }
    const run = async (vertex: typeof plan.result, inputs: readonly Snapshot[]) => {
      signal?.throwIfAborted();
      const id = vertex.digest;
      emit({ type: 'step-started', id, name: vertex.metadata.name });
      try {
        const snapshot = await runVertex(vertex, inputs, contexts);
        if (!layers.has(id)) emit({ type: 'step-done', id });
        return snapshot;
      } catch (error) {
        emit({ type: 'step-failed', id, message: error instanceof Error ? error.message : String(error) });
        throw error;
      }
    };
    solved.push(await solve(plan.result, run, results).catch((error) => tellAll(error, plan.result, contexts, signal)));
  }
  return solved;
}

/** BuildKit stops at whichever fault it meets first; a user wants to hear of all. */
async function tellAll(
  error: unknown,
  result: Vertex | undefined,
  contexts: ReadonlyMap<string, Context>,
  signal: AbortSignal | undefined,
): Promise<never> {
  if (!(error instanceof BuildError)) throw error;
  const { errors } = await solveTolerantly(result, contexts, signal);
  throw errors.length > 0 ? new BuildError(inOrder(errors), { cause: error }) : error;
}
