/** A build that is solved → what can be said of it. Loaded by builds that are attested alone. */
import path from 'node:path';
import { Attester, type Digests, type SolvedPlatform } from '../attest/attester.js';
import { attestsAny, attestsOf } from '../attest/options.js';
import { withStatements } from '../attest/statement-files.js';
import type { Root } from '../exporter/exporter.js';
import { listVertices } from '../llb/marshal.js';
import { normalizePlatform } from '../oci/platform.js';
import { layerSteps, type Snapshot } from '../solver/snapshot.js';
import type { Digest } from '../util/digest.js';
import type { BuildOptions, OutputSpec } from './build-options.js';
import type { BuildTask } from './making.js';

/** The graphs of a build, solved in this process. */
export interface Solved {
  /** One for each plan. */
  readonly snapshots: readonly Snapshot[];
  /** What each vertex came to. */
  readonly results: ReadonlyMap<Digest, Promise<Snapshot>>;
}

/** Opens what makes the statements of a build. */
export async function openAttester(
  { options, inputs, plans }: Pick<BuildTask, 'options' | 'inputs' | 'plans'>,
  { snapshots, results }: Solved,
  digests: Digests,
): Promise<Attester> {
  const { target, labels = {}, epochSeconds } = options;
  const { file, bytes: dockerfile } = inputs.dockerfile;
  const platforms: SolvedPlatform[] = [];
  for (const [i, { platform }] of inputs.platforms.entries()) {
    const { result } = plans[i]!.plan;
    const sources = [];
    for (const vertex of listVertices(result).filter(({ op }) => op.kind === 'source'))
      sources.push({ vertex, tree: (await results.get(vertex.digest)!).tree });
    const { tree } = snapshots[i]!;
    const steps = layerSteps(snapshots[i]!);
    platforms.push({ platform: normalizePlatform(platform), result, sources, tree, steps });
  }
  const named = [...inputs.platforms[0]!.named].map(([name, { kind }]): [string, string] => [name, kind]);
  const contexts = new Map([['context', 'local'], ...named]);
  // one from standard input has the name that buildx gives it
  const filename = file === '-' ? 'Dockerfile' : path.basename(file);
  return new Attester({
    request: { filename, dockerfile, target, labels, epochSeconds, contexts },
    platforms,
    digests,
  });
}

/** The root filesystems of an output of files, with the statements about them. @throws what Attester throws; BuildError `InvalidOutput` */
export async function attestRoots(
  roots: readonly Root[],
  attester: Attester,
  output: OutputSpec,
  { attest = {} }: BuildOptions,
): Promise<readonly Root[]> {
  const { type, names, attestationPrefix: prefix = '', platformSplit = roots.length > 1 } = output;
  const wanted = attestsOf(attest, { type }, roots.length);
  if (!attestsAny(wanted)) return roots;
  const attested: Root[] = [];
  for (const [i, { platform, tree }] of roots.entries()) {
    const files = await attester.ofFiles(i, { attest: wanted, names });
    const shown = roots.length > 1 && !platformSplit ? platform : undefined;
    attested.push({ platform, tree: withStatements(tree, files, { prefix, platform: shown }) });
  }
  return attested;
}
