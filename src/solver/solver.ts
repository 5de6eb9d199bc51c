/**
 * Solves a graph: each vertex once, its inputs first, independent ones side by side.
 * A walk in dependency order is enough, since one graph is solved in one process and then forgotten.
 */
import { listVertices } from '../llb/marshal.js';
import type { Vertex } from '../llb/op.js';
import type { Digest } from '../util/digest.js';

/** Runs the op of one vertex on the results of its inputs. */
export type RunVertex<T> = (vertex: Vertex, inputs: readonly T[]) => Promise<T> | T;

/**
 * The result of `vertex`.
 * After a failure no vertex is started any more; those that run come to their end first, so that nothing is left running behind the error,
 * which is the one that happened first.
 * @param results of graphs that were solved before, by digest: what they share with this one is not run again; what is run is added
 */
export async function solve<T>(
  vertex: Vertex,
  run: RunVertex<T>,
  results: Map<Digest, Promise<T>> = new Map(),
): Promise<T> {
  const failures: unknown[] = [];
  const start = async (v: Vertex): Promise<T> => {
    const inputs = await Promise.all(v.inputs.map((input) => results.get(input.digest)!));
    if (failures.length > 0) throw new Error('not started: another vertex failed before');
    try {
      return await run(v, inputs);
    } catch (error) {
      failures.push(error);
      throw error;
    }
  };
  for (const v of listVertices(vertex)) if (!results.has(v.digest)) results.set(v.digest, start(v));
  await Promise.allSettled(results.values());
  if (failures.length > 0) throw failures[0];
  return results.get(vertex.digest)!;
}
