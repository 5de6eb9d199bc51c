/** What a verification found, as text, as JSON, and as Markdown for a step of GitHub Actions. */

import type { Verification } from '../build/verify/verify.js';
import type { Cause, SideNames } from '../compare/explain.js';
import { LEVEL_NAMES } from '../compare/levels.js';
import { printable } from '../diagnostic/display.js';
import { causeText, diffJson, levelLines, sideText } from './diff-report.js';

export interface VerifyReport {
  /** As typed. */
  readonly against: string;
  readonly platform: string;
  readonly names: SideNames;
  readonly found: Verification;
}

/** Causes in text and Markdown; JSON has all. */
const MAX_CAUSES = 30;

export function verifyText(report: VerifyReport): string {
  const { names, found } = report;
  const lines = [...headLines(report), ''];
  if (found.taken.length > 0) lines.push(`taken from ${names.a}: ${printable(found.taken.join(' '))}`, '');
  lines.push(...found.causes.slice(0, MAX_CAUSES).flatMap(causeText));
  if (found.causes.length > MAX_CAUSES)
    lines.push(`… and ${found.causes.length - MAX_CAUSES} more causes; --json has all`, '');
  if (found.comparison) lines.push(...levelLines(found.comparison.diff).slice(0, -1));
  lines.push(verdict(report));
  return lines.map((line) => `${line}\n`).join('');
}

function headLines({ against, platform, names, found }: VerifyReport): string[] {
  const width = Math.max(names.a.length, names.b.length) + 2;
  const { manifest, config } = found.rebuilt;
  const reference = found.comparison ? sideText(found.comparison.reference) : printable(against);
  return [
    `${names.a.padEnd(width)}${reference}`,
    `${names.b.padEnd(width)}${platform} manifest ${manifest.digest}, image ID ${config.digest}`,
  ];
}

function verdict({ found, names }: VerifyReport): string {
  const { verified, required, agreement, comparison } = found;
  const level = LEVEL_NAMES[agreement];
  if (verified) return `verified: ${names.b} has the ${level} of ${names.a}`;
  if (!comparison)
    return `NOT verified: the digest is neither that of the manifest nor the image ID; give the image itself to learn why`;
  const agree = agreement === 'none' ? 'agree on nothing' : `agree on: ${level}`;
  return `NOT verified: ${LEVEL_NAMES[required]} required, and they ${agree}`;
}

/** The same for programs: what `wbuild diff --json` prints, with the verdict before it. */
export function verifyJson({ against, names, found }: VerifyReport): object {
  const { verified, required, agreement, taken, rebuilt, comparison, causes } = found;
  const rebuild = { manifest: rebuilt.manifest.digest, config: rebuilt.config.digest, diffIDs: rebuilt.diffIDs };
  const head = { verified, required, agreement, against, taken, rebuild };
  if (!comparison) return { ...head, causes };
  const { reference, rebuild: b, diff } = comparison;
  return { ...head, ...diffJson({ sides: { a: reference, b }, names, diff, causes }) };
}

/** A section of a job's page. */
export function verifySummary(report: VerifyReport): string {
  const { found, against } = report;
  const { manifest, config } = found.rebuilt;
  const lines = [
    `### ${found.verified ? '✅ verified' : '❌ not verified'}: ${code(against)}`,
    '',
    `${cell(verdict(report))}.`,
    '',
    `| | |\n| --- | --- |\n| rebuilt manifest | ${code(manifest.digest)} |\n| rebuilt image ID | ${code(config.digest)} |`,
    '',
  ];
  lines.push(...causeTable(found.causes));
  return `${lines.join('\n')}\n`;
}

/** Causes as rows of a table; nothing where there are none. */
export function causeTable(causes: readonly Cause[]): string[] {
  if (causes.length === 0) return [];
  const rows = causes.slice(0, MAX_CAUSES).map((c) => `| \`${c.code}\` | ${cell(c.message)} | ${cell(c.hint)} |`);
  return ['| cause | | what to do |', '| --- | --- | --- |', ...rows, ''];
}

/** Text in a cell, which other people's names cannot break out of. */
function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function code(text: string): string {
  return `\`${printable(text).replaceAll('`', "'")}\``;
}
