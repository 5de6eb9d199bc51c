import { CODES, type DiagnosticCode } from './codes.js';
import type { Diagnostic, SourceRange } from './diagnostic.js';
import { jsonLine } from './display.js';

export interface SarifOptions {
  /** Of wbuild; left out if not given. */
  readonly version?: string;
  /** Where a file of a range lies in the repository, with `/` between its parts; under its own name, if not given. */
  readonly pathOf?: (file: string) => string;
  /** A page on the web for a code, such as `ruleUrl`; SARIF takes no relative ones, so the page of docs/diagnostics is named in the help text. */
  readonly urlOf?: (code: DiagnosticCode) => string | undefined;
}

/**
 * Diagnostics as a SARIF log of one run, in one line with a line break. Columns count UTF-16 units.
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function formatSarif(diagnostics: readonly Diagnostic[], options: SarifOptions = {}): string {
  const { version, pathOf = (file) => file, urlOf } = options;
  const codes = [...new Set(diagnostics.map((d) => d.code))].sort();
  const driver = {
    name: 'wbuild',
    ...(version !== undefined && { version }),
    rules: codes.map((code) => rule(code, urlOf?.(code))),
  };
  const results = diagnostics.map((d) => result(d, codes.indexOf(d.code), pathOf));
  const run = { tool: { driver }, columnKind: 'utf16CodeUnits', results };
  return `${jsonLine({ $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [run] })}\n`;
}

function rule(code: DiagnosticCode, url: string | undefined) {
  const page = `docs/diagnostics/${code}.md`;
  return {
    id: code,
    shortDescription: { text: CODES[code] },
    help: { text: `See ${page}`, markdown: `See [${code}](${page})` },
    ...(url !== undefined && { helpUri: url }),
  };
}

function result(
  { code, severity, message, hint, range }: Diagnostic,
  ruleIndex: number,
  pathOf: (file: string) => string,
) {
  const text = hint ? `${message}\n${hint}` : message;
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text },
    ...(range && { locations: [{ physicalLocation: location(range, pathOf) }] }),
  };
}

function location({ file, start, end }: SourceRange, pathOf: (file: string) => string) {
  const uri = pathOf(file)
    .split('/')
    .map((part) => encodeURIComponent(part.toWellFormed()))
    .join('/');
  const region = { startLine: start.line, startColumn: start.column, endLine: end.line, endColumn: end.column };
  return { artifactLocation: { uri }, region };
}
