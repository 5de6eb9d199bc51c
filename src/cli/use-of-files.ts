/** Files and streams that a command line uses twice. */
import path from 'node:path';
import type { OutputSpec } from '../build/build-options.js';
import { BuildError } from '../diagnostic/build-error.js';
import { quote } from '../util/text.js';
import { usage } from './collect.js';

/** What a build reads is not what it writes over. */
export function spareDockerfile(
  { context, file = path.join(context, 'Dockerfile') }: { readonly context: string; readonly file: string | undefined },
  written: readonly (string | undefined)[],
): void {
  if (context === '-') return; // it lies in the archive
  const over = written.find(
    (dest) => dest !== undefined && dest !== '-' && path.normalize(dest) === path.normalize(file),
  );
  if (over === undefined) return;
  throw new BuildError(
    usage(`${quote(over)} is the Dockerfile of this build, and would be written over`, 'name another file'),
  );
}

/** Each of the standard streams has one use. */
export function checkStreams(outputs: readonly OutputSpec[], sources: readonly (string | undefined)[]): void {
  if (sources.filter((source) => source === '-').length > 1) {
    const hint = 'leave one on standard input (-) and put the other into a file or folder';
    throw new BuildError(
      usage('standard input cannot be the Dockerfile and a build context, or two contexts, at once', hint),
    );
  }
  const dests = outputs.map((output) => output.dest).filter((dest) => dest !== undefined);
  const twice = dests.find((dest, i) => dests.indexOf(dest) !== i);
  if (twice === undefined) return;
  const where = twice === '-' ? 'standard output' : quote(twice);
  throw new BuildError(usage(`two outputs go to ${where}`, 'give each output a destination of its own'));
}
