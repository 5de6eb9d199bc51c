/** `wbuild check`: tells what is wrong with a build, without building. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type CheckResult, check, ruleUrl } from '../../build/check/check.js';

import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import { formatDiagnosticsJson } from '../../diagnostic/format.js';
import { formatGithub } from '../../diagnostic/format-github.js';
import { formatSarif } from '../../diagnostic/format-sarif.js';
import type { BuildInputs, CheckCommandOptions } from '../args.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import { printDiagnostics } from '../report.js';
import { readsStdin } from '../run-reported.js';
import { recordInput } from '../source-text.js';
import { readVersion } from './version.js';

/**
 * Prints what was found on standard output.
 * @throws BuildError when there is nothing to check
 */
export async function runCheck(options: CheckCommandOptions, io: CommandIo): Promise<ExitCode> {
  const input = readsStdin(options.build) ? recordInput(io.stdin) : undefined;
  try {
    const result = await check({ ...options.build, ...(input && { stdin: input.stream }), signal: io.signal });
    const diagnostics = result.diagnostics.filter((d) => !options.quiet || d.severity === 'error');
    if (options.format === 'text') {
      printDiagnostics(diagnostics, {
        format: 'text',
        io: { stderr: io.stdout, env: io.env },
        source: { ...options.build, ...(input && { stdin: input.bytes }) },
      });
      if (!options.quiet) io.stdout.write(`${diagnostics.length > 0 ? '\n' : ''}${summary(result)}\n`);
    } else io.stdout.write(format(diagnostics, options));
    return result.ok ? EXIT.done : EXIT.notHeld;
  } finally {
    input?.close();
  }
}

function format(diagnostics: readonly Diagnostic[], options: CheckCommandOptions): string {
  const pathOf = (file: string) => pathInRepository(file, options.build);
  if (options.format === 'sarif') return formatSarif(diagnostics, { version: readVersion(), pathOf, urlOf: ruleUrl });
  if (options.format === 'github') return formatGithub(diagnostics, pathOf);
  return `${formatDiagnosticsJson(diagnostics)}\n`;
}

function summary({ diagnostics }: CheckResult): string {
  const count = (severity: Diagnostic['severity']) => {
    const n = diagnostics.filter((d) => d.severity === severity).length;
    return n === 0 ? [] : [`${n} ${severity}${n > 1 ? 's' : ''}`];
  };
  return [...count('error'), ...count('warning')].join(', ') || 'no errors, no warnings';
}

/** Where a file lies, from the working directory: a Dockerfile or ignore file that nobody named lies in the context. */
function pathInRepository(file: string, { context, file: named }: BuildInputs): string {
  const inContext = path.join(context, file);
  const isNamed = file === named || path.isAbsolute(file) || context === '-' || !existsSync(inContext);
  return (isNamed ? path.normalize(file) : inContext).replaceAll(path.sep, '/');
}
