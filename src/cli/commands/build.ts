/** `wbuild build`: runs a build and tells about it. */

import type { BuildResult } from '../../build/build-options.js';
import { build } from '../../build/build-request.js';
import { fail } from '../../diagnostic/build-error.js';
import { printable } from '../../diagnostic/display.js';
import { formatPlatform } from '../../oci/platform.js';
import { familiarName, parseReference } from '../../oci/reference.js';
import { defaultStoreFolder } from '../../store/open-store.js';
import type { BuildCommandOptions, BuildInputs } from '../args.js';
import type { ExitCode } from '../exit-code.js';
import { explanationText } from '../explanation.js';
import type { CommandIo } from '../io.js';
import { imageId, removeStale, writeResultFiles } from '../result-files.js';
import { isTalkative, runReported } from '../run-reported.js';

/**
 * Builds, prints progress and diagnostics on standard error, writes --iidfile and --metadata-file, and with -q prints the image ID.
 * @throws what is no BuildError (a bug), and whatever is thrown once `io.signal` is aborted
 */
export function runBuild(options: BuildCommandOptions, io: CommandIo): Promise<ExitCode> {
  return runReported(options, io, async (given) => {
    refuseTerminal(options.build, io);
    await removeStale(options);
    const result = await build({ ...given, env: io.env, cacheDir: given.cacheDir ?? defaultStoreFolder(io.env) });
    await writeResultFiles(options, result);
    for (const warning of result.warnings) given.report(warning);
    return () => printResult(options, result, io);
  });
}

/** As tar and docker save do: an archive on a terminal is noise that may also reprogram it. */
function refuseTerminal({ outputs }: BuildInputs, io: CommandIo): void {
  if (!io.stdout.isTTY || !outputs.some((output) => output.dest === '-')) return;
  fail({
    code: 'Usage',
    message: 'an archive cannot be written to a terminal',
    hint: 'redirect standard output (> image.tar, or | docker load), or name a file: -o type=docker,dest=image.tar',
  });
}

/** What was made: for people on standard error; the ID on standard output with -q, unless an archive is there. */
function printResult(options: BuildCommandOptions, result: BuildResult, io: CommandIo): void {
  const { outputs } = options.build;
  if (options.quiet && !outputs.some((output) => output.dest === '-')) io.stdout.write(`${imageId(result)}\n`);
  if (!isTalkative(options)) return;
  if (options.build.explain) io.stderr.write(`${explanationText(result)}\n`);
  const lines = result.index
    ? [
        `index     ${result.index.digest}`,
        ...result.images.map((i) => `manifest  ${i.manifest.digest} (${formatPlatform(i.platform)})`),
      ]
    : [`image ID  ${result.config.digest}`, `manifest  ${result.manifest.digest}`];
  for (const { type, dest } of outputs) {
    if (dest !== undefined && dest !== '-') lines.push(`wrote     ${printable(dest)} (${type})`);
  }
  for (const name of new Set(outputs.filter(({ push }) => push).flatMap(({ names }) => names))) {
    lines.push(`pushed    ${familiarName(parseReference(name))}`);
  }
  for (const { names } of outputs.filter(({ load }) => load)) {
    const shown = names.map((name) => familiarName(parseReference(name))).join(', ');
    lines.push(
      shown
        ? `loaded    ${shown}`
        : 'loaded    without a name: images -a of docker or podman, or ctr images ls, shows it; -t NAME gives it one',
    );
  }
  if (options.defaultOutput) lines.push('To load it into Docker: docker load -i image.tar');
  io.stderr.write(`${lines.join('\n')}\n`);
}
