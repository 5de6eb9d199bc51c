import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import Ajv from 'ajv';
import { CODES, type DiagnosticCode } from './codes.js';
import type { Diagnostic } from './diagnostic.js';
import { formatSarif, type SarifOptions } from './format-sarif.js';

const require = createRequire(import.meta.url);
const readJson = (name: string) => JSON.parse(readFileSync(require.resolve(name), 'utf8')) as object;

/** The schema of OASIS, which Microsoft's matchers for jest carry. */
const ajv = new Ajv({ schemaId: 'id', meta: false, allErrors: true });
ajv.addMetaSchema(readJson('ajv/lib/refs/json-schema-draft-04.json'));
const validate = ajv.compile(readJson('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'));

const OPTIONS: SarifOptions = {
  version: '1.2.3',
  pathOf: (file) => file,
  urlOf: (code) => (code === 'FromAsCasing' ? 'https://docs.docker.com/go/dockerfile/rule/from-as-casing/' : undefined),
};

function diagnostic(code: DiagnosticCode, file?: string, more: Partial<Diagnostic> = {}): Diagnostic {
  const range = { file: file ?? '', start: { line: 3, column: 6 }, end: { line: 3, column: 12 } };
  return { code, severity: 'error', message: 'not found', ...(file !== undefined && { range }), ...more };
}

/** The run of a log, after the schema has been asked. */
function runOf(diagnostics: readonly Diagnostic[], options = OPTIONS) {
  const text = formatSarif(diagnostics, options);
  expect(text.indexOf('\n')).toBe(text.length - 1);
  const log = JSON.parse(text);
  validate(log);
  expect(validate.errors ?? []).toEqual([]);
  return log.runs[0];
}

test('the schema refuses what is no SARIF log', () => {
  expect(validate({ version: '2.1.0' })).toBe(false);
  expect(
    validate({ version: '2.1.0', runs: [{ tool: { driver: { name: 'wbuild' } }, results: [{ level: 'bad' }] }] }),
  ).toBe(false);
});

describe('a SARIF log', () => {
  test('has a result for each diagnostic, and a rule for each code', () => {
    const run = runOf([
      diagnostic('SourceNotFound', 'Dockerfile', { hint: 'did you mean a?' }),
      diagnostic('FromAsCasing', 'app/Dockerfile', { severity: 'warning' }),
      diagnostic('SourceNotFound', 'Dockerfile'),
    ]);
    expect(run).toMatchObject({
      tool: { driver: { name: 'wbuild', version: '1.2.3', rules: [{ id: 'FromAsCasing' }, { id: 'SourceNotFound' }] } },
      columnKind: 'utf16CodeUnits',
      results: [
        {
          ruleId: 'SourceNotFound',
          ruleIndex: 1,
          level: 'error',
          message: { text: 'not found\ndid you mean a?' },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: 'Dockerfile' },
                region: { startLine: 3, startColumn: 6, endLine: 3, endColumn: 12 },
              },
            },
          ],
        },
        { ruleId: 'FromAsCasing', ruleIndex: 0, level: 'warning' },
        { ruleId: 'SourceNotFound', ruleIndex: 1 },
      ],
    });
    expect(run.tool.driver.rules[0].helpUri).toBe('https://docs.docker.com/go/dockerfile/rule/from-as-casing/');
    expect(run.tool.driver.rules[1]).not.toHaveProperty('helpUri');
  });

  test('needs no options', () => {
    const run = runOf([diagnostic('FromAsCasing', 'Dockerfile')], {});
    expect(run.tool.driver).not.toHaveProperty('version');
    expect(run.results[0].locations[0].physicalLocation.artifactLocation.uri).toBe('Dockerfile');
  });

  test('is valid when nothing was found, where there is no place, and for every code', () => {
    expect(runOf([]).results).toEqual([]);
    expect(runOf([diagnostic('Usage')]).results[0]).not.toHaveProperty('locations');
    const codes = Object.keys(CODES) as DiagnosticCode[];
    expect(runOf(codes.map((code) => diagnostic(code, 'Dockerfile'))).tool.driver.rules).toHaveLength(codes.length);
  });

  test('is valid for an empty range at the start of a line', () => {
    const range = { file: 'f', start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };
    expect(runOf([diagnostic('NoStage', 'f', { range })]).results).toHaveLength(1);
  });

  test.each([
    ['a b/c#d?e', 'a%20b/c%23d%3Fe'],
    ['100%/[x]', '100%25/%5Bx%5D'],
    ['c:/d', 'c%3A/d'], // a colon in the first part would make a scheme of it
    ['é\n☃', '%C3%A9%0A%E2%98%83'],
    ['../up/Dockerfile', '../up/Dockerfile'],
    ['\udcff', '%EF%BF%BD'],
  ])('makes a reference of the file name %j', (file, uri) => {
    const [result] = runOf([diagnostic('SourceNotFound', file)]).results;
    expect(result.locations[0].physicalLocation.artifactLocation.uri).toBe(uri);
  });

  test('keeps what is no text out of messages', () => {
    const message = 'a\u0000\u001b[2J \udcff "quoted"';
    expect(runOf([diagnostic('SourceNotFound', 'f', { message })]).results[0].message.text).toContain('"quoted"');
  });
});
