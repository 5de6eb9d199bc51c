import type { Digest } from '../util/digest.js';
import { SCRATCH, type Vertex } from './op.js';

/** The vertices whose changes are layers of the image that `result` makes: the chain of what it is built on, not what it copies from. */
export function layerVertices(result: Vertex): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  const todo = [result];
  for (let vertex = todo.pop(); vertex !== undefined; vertex = todo.pop()) {
    const { digest, op, inputs } = vertex;
    if (op.kind === 'merge') todo.push(...op.inputs.map((input) => inputs[input]!));
    if (op.kind !== 'file' || found.has(digest)) continue;
    found.add(digest);
    const base = op.actions[0]!.input;
    if (base !== SCRATCH) todo.push(inputs[base]!);
  }
  return found;
}
