import type { Diagnostic } from './diagnostic.js';

/**
 * Diagnostics as commands of a GitHub workflow, a line each, which GitHub shows beside the lines of a pull request.
 * @param pathOf where a file of a range lies in the repository; under its own name, if not given
 * @see https://docs.github.com/actions/reference/workflow-commands-for-github-actions
 */
export function formatGithub(
  diagnostics: readonly Diagnostic[],
  pathOf: (file: string) => string = (file) => file,
): string {
  return diagnostics.map((d) => `${command(d, pathOf)}\n`).join('');
}

function command({ severity, code, message, hint, range }: Diagnostic, pathOf: (file: string) => string): string {
  const properties: [string, string | number][] = [];
  if (range) {
    const { file, start, end } = range;
    properties.push(['file', pathOf(file)], ['line', start.line], ['endLine', end.line]);
    // columns are for one line alone, and their last is inclusive
    if (end.line === start.line)
      properties.push(['col', start.column], ['endColumn', Math.max(start.column, end.column - 1)]);
  }
  properties.push(['title', code]);
  const list = properties.map(([key, value]) => `${key}=${escapeProperty(String(value))}`).join(',');
  return `::${severity} ${list}::${escapeData(hint ? `${message} (${hint})` : message)}`;
}

function escapeData(text: string): string {
  return text.toWellFormed().replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
