import { expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import type { OutputStream } from './io.js';
import { bugReport, DiagnosticList, environmentError, printDiagnostics } from './report.js';

const ERROR: Diagnostic = { code: 'SourceNotFound', severity: 'error', message: 'e' };
const WARNING: Diagnostic = { code: 'StageNameCasing', severity: 'warning', message: 'w' };

function printed(list: readonly Diagnostic[], format: 'text' | 'json'): string {
  let text = '';
  const write = (chunk: string) => {
    text += chunk;
    return true;
  };
  const stderr = { write } as unknown as OutputStream;
  printDiagnostics(list, { format, io: { stderr, env: {} } });
  return text;
}

test('text: a frame for each; JSON: one line, always', () => {
  expect(printed([WARNING, ERROR], 'text')).toBe('warning[StageNameCasing]: w\n\nerror[SourceNotFound]: e\n');
  expect(printed([], 'text')).toBe('');
  expect(printed([], 'json')).toBe('{"diagnostics":[]}\n');
  expect(printed([ERROR], 'json')).toMatch(/^\{"diagnostics":\[\{"code":"SourceNotFound",.*\}\]\}\n$/);
});

test('a line of the Dockerfile fits a terminal of 40 columns', () => {
  const chunks: string[] = [];
  const stderr = { columns: 40, write: (chunk: string) => chunks.push(chunk) } as unknown as OutputStream;
  const line = `RUN ${'x'.repeat(100)}`;
  const range = { file: '-', start: { line: 1, column: 1 }, end: { line: 1, column: line.length + 1 } };
  const source = { context: '-', file: '-', stdin: () => Buffer.from(line) };
  printDiagnostics([{ ...ERROR, range }], { format: 'text', io: { stderr, env: {} }, source });
  expect(chunks.join('')).toContain('RUN xxx');
  for (const shown of chunks.join('').split('\n')) expect(shown.length).toBeLessThanOrEqual(40);
});

test('each diagnostic once, warnings before errors', () => {
  const list = new DiagnosticList();
  list.add(ERROR);
  list.add(WARNING);
  expect(list.addError(new BuildError([{ ...ERROR }, { ...ERROR, message: 'other' }]))).toBe(true);
  expect(list.addError(new TypeError('x'))).toBe(false);
  expect(list.list()).toEqual([WARNING, ERROR, { ...ERROR, message: 'other' }]);
});

test('what the machine runs out of is no bug of ours', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', path: '/c/b' });
  expect(environmentError(full)?.diagnostics[0]).toEqual({
    code: 'OutputNotWritable',
    severity: 'error',
    message: '/c/b: no space left on the disk',
    hint: 'free some space; TMPDIR says where temporary files go',
  });
  expect(environmentError(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBeUndefined();
  expect(environmentError(new TypeError('x'))).toBeUndefined();
});

test('a bug says what to report, and shows its stack to those who ask', () => {
  const options = { version: '1.2.3', node: 'v20.0.0', platform: 'linux', arch: 'x64' };
  const error = new TypeError('x is not\x1b[2J a function');
  expect(bugReport(error, { ...options, env: {} })).toBe(
    'wbuild: TypeError: x is not\\x1b[2J a function\n' +
      'This is a bug in wbuild 1.2.3 (Node v20.0.0, linux x64). Please report it with the text above.\n' +
      'WBUILD_DEBUG=1 adds where in the program it happened.\n',
  );
  expect(bugReport(error, { ...options, env: { WBUILD_DEBUG: '1' } })).toMatch(/\n +at .*report\.test/);
  expect(bugReport('text', { ...options, env: {} })).toMatch(/^wbuild: text\n/);
});
