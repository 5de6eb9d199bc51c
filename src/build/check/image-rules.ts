/**
 * What breaks in real life and only the files of an image can tell. Rules of our own, for `wbuild check`; none changes a byte or fails a build.
 */
import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import type { EntrypointCommand } from '../../frontend/instructions.js';
import type { ConfigDraft } from '../../frontend/to-llb.js';
import type { Vertex } from '../../llb/op.js';
import type { Platform } from '../../oci/descriptor.js';
import { EMPTY_TREE } from '../../snapshot/file-tree.js';
import { layerSteps, NO_STEPS, type Snapshot } from '../../solver/snapshot.js';
import type { Digest } from '../../util/digest.js';
import { judgeEntrypoint } from './entrypoint-rules.js';
import { folderCopies, oldTimes, umaskModes } from './folder-rules.js';

export interface ImageRulesInput {
  readonly result: Vertex | undefined;
  readonly config: ConfigDraft;
  /** The ENTRYPOINT that the config has. */
  readonly entrypoint: EntrypointCommand | undefined;
  /** What each vertex came to. */
  readonly snapshots: ReadonlyMap<Digest, Snapshot>;
  /** The names of the contexts that are folders: what an archive says of modes and times, it says everywhere. */
  readonly folders: ReadonlySet<string>;
  /** Normalised. */
  readonly platform: Platform;
  readonly epochSeconds: number;
}

/** The warnings of an image, whatever `# check=` says. */
export function checkImage(input: ImageRulesInput): Diagnostic[] {
  const { result, snapshots } = input;
  const image = (result && snapshots.get(result.digest)) ?? { tree: EMPTY_TREE, steps: NO_STEPS };
  const steps = layerSteps(image);
  const copies = result ? folderCopies(result, input) : [];
  const findings = [...umaskModes(copies, steps), ...oldTimes(copies, steps, input.epochSeconds)];
  return [...findings, ...judgeEntrypoint(input, image.tree)].map((f) => ({ severity: 'warning', ...f }));
}
