import type { Digest } from '../util/digest.js';
import { listVertices, makeVertex } from './marshal.js';
import type { SourceOp, Vertex } from './op.js';

/** A graph with other sources: what follows from them has other digests too, and is the same besides. */
export function mapSources(result: Vertex | undefined, change: (op: SourceOp) => SourceOp): Vertex | undefined {
  const made = new Map<Digest, Vertex>();
  const of = (vertex: Vertex) => made.get(vertex.digest)!;
  for (const vertex of listVertices(result)) {
    const op = vertex.op.kind === 'source' ? change(vertex.op) : vertex.op;
    made.set(vertex.digest, makeVertex(op, vertex.inputs.map(of), vertex.metadata, vertex.listing.map(of)));
  }
  return result && of(result);
}
