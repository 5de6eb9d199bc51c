import { expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import type { Diagnostic } from '../diagnostic/diagnostic.js';
import { exitCodeOf, exitCodeOfSignal } from './exit-code.js';

const RANGE = { file: 'Dockerfile', start: { line: 1, column: 1 }, end: { line: 1, column: 2 } };

function error(...parts: Partial<Diagnostic>[]): BuildError {
  return new BuildError(parts.map((part) => ({ code: 'Usage', severity: 'error', message: 'm', ...part })));
}

test.each<[string, unknown, number]>([
  ['usage', error({}), 2],
  ['a bad value of an option', error({ code: 'InvalidOutput' }, { code: 'InvalidReference' }), 2],
  ['a bad platform of an option', error({ code: 'InvalidPlatform' }), 2],
  ['a bad platform in a Dockerfile', error({ code: 'InvalidPlatform', range: RANGE }), 1],
  ['usage with a warning', error({}, { code: 'StageNameCasing', severity: 'warning' }), 2],
  ['a Dockerfile', error({ code: 'UnknownInstruction', range: RANGE }), 1],
  ['a context', error({ code: 'ContextNotFound' }), 1],
  ['usage and more', error({}, { code: 'ContextNotFound' }), 1],
  ['an error without diagnostics', error(), 1],
  ['a bug', new TypeError('x'), 70],
  ['something that is no error', 'x', 70],
])('%s', (_about, thrown, code) => {
  expect(exitCodeOf(thrown)).toBe(code);
});

test('signals as shells report them', () => {
  expect(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'].map(exitCodeOfSignal)).toEqual([130, 143, 129, 130]);
});
