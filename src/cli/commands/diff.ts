/** `wbuild diff`: two images, and why they differ. */

import { Registries } from '../../build/images/pulled-image.js';
import { diffImages, type ImageDiff } from '../../compare/diff-image.js';
import { explain } from '../../compare/explain.js';
import type { OpenImages } from '../../compare/image.js';
import { openImages } from '../../compare/open-image.js';
import type { CompareCommand } from '../compare-args.js';
import { diffJson, diffText } from '../diff-report.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';

const NAMES = { a: 'A', b: 'B' } as const;

/** Prints the differences on standard output; exit code 3 where there are any. @throws BuildError `ImageNotFound`, `InvalidImage` */
export async function runDiff(command: CompareCommand, io: CommandIo): Promise<ExitCode> {
  const registries = new Registries({ ...command, env: io.env, signal: io.signal });
  try {
    return await compare(command, registries, io);
  } finally {
    registries.close();
  }
}

async function compare(command: CompareCommand, registries: Registries, io: CommandIo): Promise<ExitCode> {
  const { images, ...given } = command;
  const options = { ...given, elsewhere: registries.find };
  const a = await openImages(images[0]!, options);
  try {
    const b = await openImages(images[1]!, options);
    try {
      const diff = await diffImages(a, b);
      io.stdout.write(report(command, { a, b, diff }));
      return diff.differences.length === 0 ? EXIT.done : EXIT.notHeld;
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

function report(command: CompareCommand, { a, b, diff }: { a: OpenImages; b: OpenImages; diff: ImageDiff }): string {
  const causes = explain(diff.differences, NAMES);
  const full = { sides: { a, b }, names: NAMES, diff, causes };
  return command.json ? `${JSON.stringify(diffJson(full), null, 2)}\n` : diffText(full);
}
