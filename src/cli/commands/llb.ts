/** `wbuild llb`: prints the graph of a build, without building. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openInputs } from '../../build/inputs.js';
import { planBuild } from '../../build/plan.js';
import { readPlatforms } from '../../build/platforms.js';
import { fail } from '../../diagnostic/build-error.js';
import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import { marshalDefinition } from '../../llb/marshal.js';
import type { Vertex } from '../../llb/op.js';
import { printDot, printJson, printMermaid, printText } from '../../llb/print.js';
import type { LlbFormat, LlbOptions } from '../args.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import { DiagnosticList, printDiagnostics } from '../report.js';

const PRINTERS: Readonly<Record<Exclude<LlbFormat, 'pb'>, (result: Vertex | undefined) => string>> = {
  text: printText,
  json: printJson,
  dot: printDot,
  mermaid: printMermaid,
};

/** Prints the graph on standard output; errors and warnings on standard error. */
export async function runLlb(options: LlbOptions, io: CommandIo): Promise<ExitCode> {
  const diagnostics = new DiagnosticList();
  const print = () => printDiagnostics(diagnostics.list(), { format: options.diagnostics, io, source: options.build });
  const scratch = mkdtempSync(path.join(tmpdir(), 'wbuild-'));
  try {
    if (options.format === 'pb' && io.stdout.isTTY) {
      const message = 'the bytes of a graph cannot be written to a terminal';
      fail({
        code: 'Usage',
        message,
        hint: 'redirect standard output (> graph.pb, or | buildctl build), or take --format text',
      });
    }
    const report = (diagnostic: Diagnostic) => diagnostics.add(diagnostic);
    const platforms = readPlatforms(options.build);
    if (platforms.length > 1) {
      const message = `a graph is for one platform, and not for ${platforms.length}`;
      fail({ code: 'Usage', message, hint: 'run wbuild llb once for each --platform' });
    }
    const inputs = await openInputs({ ...options.build, stdin: io.stdin }, platforms, scratch);
    try {
      const { dockerfile } = inputs;
      const { platform, contexts, named } = inputs.platforms[0]!;
      const excludes = contexts.get('context')!.excludes;
      const { result } = await planBuild(
        { ...dockerfile, target: options.build.target, platform, excludes, named },
        report,
      );
      const source = { file: dockerfile.file, text: dockerfile.bytes };
      io.stdout.write(options.format === 'pb' ? marshalDefinition(result, source) : PRINTERS[options.format](result));
    } finally {
      await inputs.close();
    }
    print();
    return EXIT.done;
  } catch (error) {
    if (!diagnostics.addError(error)) throw error;
    print();
    return exitCodeOf(error);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
