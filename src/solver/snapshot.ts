import type { DirectoryNode } from '../snapshot/file-tree.js';
import type { Digest } from '../util/digest.js';

/** What solving a vertex yields: a file tree, and the steps that led to it from nothing. */
export interface Snapshot {
  readonly tree: DirectoryNode;
  readonly steps: Steps;
}

/** Steps on steps. They become a list when somebody asks: a list for each of many snapshots would take the square of them. */
export interface Steps {
  readonly below: readonly Steps[];
  readonly own?: LayerStep;
}

export const NO_STEPS: Steps = { below: [] };

/** A layer that is not written yet: the difference between two trees. */
export interface LayerStep {
  readonly lower: DirectoryNode;
  readonly upper: DirectoryNode;
  /** The vertex that made it, which has the name and the place in the Dockerfile. */
  readonly vertex: Digest;
}

/** The steps of a snapshot in a list, bottom first. */
export function layerSteps({ steps }: Snapshot): LayerStep[] {
  const list: LayerStep[] = [];
  const left = [steps];
  for (let at = left.pop(); at; at = left.pop()) {
    if (at.own) list.push(at.own);
    left.push(...at.below);
  }
  return list.reverse();
}
