/** `--chmod=u+x` as the package that BuildKit uses changes modes: every line of testdata/vectors/modes.jsonl is what it gave. */
import { expect, test } from '@jest/globals';
import { readVectors } from '../test/vectors.js';
import { applySymbolicMode, isSymbolicMode } from './symbolic-mode.js';

interface Vector {
  readonly symbols: string;
  /** Octal mode before, type of the entry, octal mode after. */
  readonly changes?: readonly (readonly [before: string, type: 'file' | 'directory', after: string])[];
  readonly error?: string;
}

const vectors = readVectors<Vector>('modes');

test('the vectors', () => {
  const differing: unknown[] = [];
  for (const { symbols, changes, error } of vectors) {
    if (isSymbolicMode(symbols) === (error !== undefined)) differing.push({ symbols, error });
    for (const [before, type, after] of changes ?? []) {
      const actual = applySymbolicMode(symbols, Number.parseInt(before, 8), type === 'directory').toString(8);
      if (actual !== after) differing.push({ symbols, before, type, after, actual });
    }
  }
  expect(differing).toEqual([]);
  expect(vectors.length).toBeGreaterThan(400);
});
