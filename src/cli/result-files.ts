/** --iidfile and --metadata-file. */
import { lstatSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import type { BuildResult } from '../build/build-options.js';
import { describeErrno, errnoOf, fail } from '../diagnostic/build-error.js';
import { writeFileAtomically } from '../util/atomic-write.js';
import type { Digest } from '../util/digest.js';
import { quote } from '../util/text.js';
import type { BuildCommandOptions } from './args.js';
import { metadataText } from './metadata.js';

/**
 * Removes the image ID of an earlier build, as buildx does: a script that reads it after a failure must not take it for that of this build.
 * @throws BuildError `OutputNotWritable`
 */
export async function removeStale({ iidFile }: BuildCommandOptions): Promise<void> {
  if (iidFile === undefined || !lstatSync(iidFile, { throwIfNoEntry: false })?.isFile()) return;
  await explain('--iidfile', iidFile, rm(iidFile, { force: true }));
}

/** What buildx calls the ID of an image: its config; of several platforms, the index. */
export function imageId({ index, config }: BuildResult): Digest {
  return (index ?? config).digest;
}

/**
 * Writes the files that were asked for; the ID alone, without a line break, as buildx does.
 * @throws BuildError `OutputNotWritable`
 */
export async function writeResultFiles(options: BuildCommandOptions, result: BuildResult): Promise<void> {
  const { iidFile, metadataFile } = options;
  if (iidFile !== undefined) await explain('--iidfile', iidFile, write(iidFile, imageId(result)));
  if (metadataFile !== undefined) {
    await explain('--metadata-file', metadataFile, write(metadataFile, metadataText(options.build, result)));
  }
}

/** A device or a pipe (/dev/stdout) is written to; only a plain file is replaced. */
async function write(file: string, text: string): Promise<void> {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat && !stat.isFile()) await writeFile(file, text);
  else await writeFileAtomically(file, Buffer.from(text));
}

async function explain(option: string, file: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const hint = { ENOENT: 'its folder must exist', EISDIR: 'name a file' }[errnoOf(error)!];
    const message = `${option} ${quote(file)} cannot be written: ${describeErrno(error)}`;
    fail({ code: 'OutputNotWritable', message, ...(hint && { hint }) }, error);
  }
}
