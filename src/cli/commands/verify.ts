/** `wbuild verify`: does the image come from this source, and from nothing else? */
import { appendFile } from 'node:fs/promises';
import { Registries } from '../../build/images/pulled-image.js';
import { type Perturbation, perturb } from '../../build/verify/perturb.js';
import { REFERENCE_NAMES, type Verification, verify } from '../../build/verify/verify.js';
import { describeErrno } from '../../diagnostic/build-error.js';
import { formatPlatform } from '../../oci/platform.js';
import { defaultStoreFolder } from '../../store/open-store.js';
import type { VerifyCommandOptions } from '../args.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import { perturbJson, perturbSummary, perturbText } from '../perturb-report.js';
import { type ReportedOptions, runReported } from '../run-reported.js';
import { type VerifyReport, verifyJson, verifySummary, verifyText } from '../verify-report.js';

interface Found {
  readonly report?: VerifyReport;
  readonly perturbation?: Perturbation;
}

/**
 * Rebuilds, compares and prints a report on standard output; exit code 3 where the required level does not agree, or where something leaked.
 * @throws what is no BuildError (a bug), and whatever is thrown once `io.signal` is aborted
 */
export async function runVerify(options: VerifyCommandOptions, io: CommandIo): Promise<ExitCode> {
  const found: { -readonly [K in keyof Found]: Found[K] } = {};
  const code = await runReported(options, io, async (given) => {
    if (options.against !== undefined) found.report = await runAgainst(options.against, options, given, io);
    if (options.perturb) found.perturbation = await perturb(given, { execPath: io.execPath!, env: io.env });
    return () => undefined;
  });
  if (code !== EXIT.done) return code;
  io.stdout.write(options.json ? `${JSON.stringify(asJson(found), null, 2)}\n` : asText(found));
  await writeSummary(io, asSummary(found));
  const held = (found.report?.found.verified ?? true) && (found.perturbation?.held ?? true);
  return held ? EXIT.done : EXIT.notHeld;
}

async function runAgainst(
  against: string,
  { required, defaultOutput }: VerifyCommandOptions,
  given: ReportedOptions,
  io: CommandIo,
): Promise<VerifyReport> {
  const cacheDir = given.cacheDir ?? defaultStoreFolder(io.env);
  const level = required && { required };
  const { platform, signal, emit } = given;
  const registries = new Registries({ ...(platform && { platform }), env: io.env, signal, emit });
  let found: Verification;
  try {
    const open = { cacheDir, elsewhere: registries.find };
    found = await verify({ against, build: given, formFromReference: defaultOutput, ...level, open });
  } finally {
    registries.close();
  }
  for (const warning of found.rebuilt.warnings) given.report(warning);
  return { against, platform: formatPlatform(found.rebuilt.platform), names: REFERENCE_NAMES, found };
}

function asText({ report, perturbation }: Found): string {
  return [...(report ? [verifyText(report)] : []), ...(perturbation ? [perturbText(perturbation)] : [])].join('\n');
}

function asJson({ report, perturbation }: Found): object {
  return { ...(report && verifyJson(report)), ...(perturbation && { perturb: perturbJson(perturbation) }) };
}

function asSummary({ report, perturbation }: Found): string {
  return (report ? verifySummary(report) : '') + (perturbation ? perturbSummary(perturbation) : '');
}

/** A summary that cannot be written changes no verdict. */
async function writeSummary(io: CommandIo, markdown: string): Promise<void> {
  const file = io.env.GITHUB_STEP_SUMMARY;
  if (!file) return;
  await appendFile(file, markdown).catch((error) =>
    io.stderr.write(`wbuild: GITHUB_STEP_SUMMARY cannot be written: ${describeErrno(error)}\n`),
  );
}
