/** `wbuild verify --perturb`: builds twice, the second time in a hostile world, and names what of the world is in the image. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { diffImages, type ImageDiff } from '../../compare/diff-image.js';
import type { Difference } from '../../compare/difference.js';
import { type Cause, explain, type SideNames } from '../../compare/explain.js';
import { findText } from '../../compare/find-text.js';
import type { OpenImages } from '../../compare/image.js';
import { openImages } from '../../compare/open-image.js';
import { registerTemporary, removeTree } from '../../util/atomic-write.js';
import type { BuildOptions } from '../build-options.js';
import { notInContext } from '../inputs.js';
import { buildInWorld, copyWorld, type Runner } from './hostile-world.js';
import { archiveOutput, rebuild, withoutBuilderCaches } from './verify.js';

export interface Perturbation {
  /** Whether nothing of the world is in the image. */
  readonly held: boolean;
  /** What was otherwise in the second world, in words. */
  readonly changes: readonly string[];
  readonly sides: { readonly a: OpenImages; readonly b: OpenImages };
  readonly diff: ImageDiff;
  readonly causes: readonly Cause[];
}

export const WORLD_NAMES: SideNames = { a: 'this world', b: 'the other' };

/**
 * Builds twice and compares.
 * @throws BuildError when the build fails, or reads standard input
 */
export async function perturb(asTyped: BuildOptions, runner: Runner): Promise<Perturbation> {
  const given = withoutBuilderCaches(asTyped);
  const folder = mkdtempSync(path.join(tmpdir(), 'wbuild-perturb-'));
  const forget = registerTemporary(folder);
  try {
    const { leaveOut = [], ...rest } = given;
    const options = { ...rest, leaveOut: [...leaveOut, ...notInContext(given)] };
    const world = await copyWorld(options, folder, folder);
    const [here, there] = [path.join(folder, 'here.tar'), path.join(folder, 'there.tar')];
    await rebuild(options, here, path.join(folder, 'store'));
    const output = archiveOutput(given, there);
    const { cacheFrom: _from, cacheTo: _to, ...plain } = world.options;
    const elsewhere = { ...plain, outputs: [output], leaveOut: [], cacheDir: path.join(folder, 'other store') };
    await buildInWorld(elsewhere, runner, given.signal);
    return await compare(given, world.changes, [here, there]);
  } finally {
    removeTree(folder);
    forget();
  }
}

async function compare(
  given: BuildOptions,
  changes: readonly string[],
  [here, there]: [string, string],
): Promise<Perturbation> {
  const a = await openImages(here, { cacheDir: path.dirname(here) });
  try {
    const b = await openImages(there, { cacheDir: path.dirname(there) });
    try {
      const diff = await diffImages(a, b);
      const leaked = await findPaths(given, a);
      const differences = [...diff.differences, ...leaked];
      const causes = explain(differences, WORLD_NAMES);
      const named = (images: OpenImages, reference: string): OpenImages => ({ ...images, reference });
      const sides = { a: named(a, given.context), b: named(b, 'its copy') };
      return { held: differences.length === 0, changes, sides, diff: { ...diff, differences }, causes };
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

/** Shorter paths (`/app`) stand in files for other reasons. */
const TELLING = 8;

/** Files that hold the path of the checkout: whoever builds them elsewhere gets other files. */
async function findPaths({ context, buildContexts = {} }: BuildOptions, image: OpenImages): Promise<Difference[]> {
  const folders = [context, ...Object.values(buildContexts).filter((spec) => !spec.includes('://'))];
  const paths = [...new Set(folders.map((folder) => realpathSync(folder)))].filter((p) => p.length >= TELLING);
  const found: Difference[] = [];
  for (const one of image.images) found.push(...(await findText(one, paths)));
  return found;
}
