import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { suggest } from './suggest.js';

describe('suggest', () => {
  test.each([
    ['COPPY', ['COPY', 'RUN'], 'COPY'],
    ['CPOY', ['COPY', 'CMD'], 'COPY'],
    ['bin/debug/x.wasm', ['bin/Debug/x.wasm', 'bin/debug/y.wasm'], 'bin/Debug/x.wasm'],
    ['bin/Debug/app.wasm', ['bin/Release/app.wasm', 'other'], 'bin/Release/app.wasm'],
    ['public/index.html', ['src/main.ts', 'package.json'], undefined],
    ['chwon', ['chown', 'chmod'], 'chown'],
    ['a', ['b'], undefined],
    ['ab', ['ba'], undefined],
    ['A', ['a'], 'a'],
    ['same', ['same'], undefined],
    ['same', ['same', 'sane'], 'sane'],
    ['', ['a', ''], undefined],
    ['xyz', [], undefined],
  ])('%j of %j', (word, candidates, answer) => {
    expect(suggest(word, candidates)).toBe(answer);
  });

  test('case counts unless asked not to', () => {
    expect(suggest('TRAGET', ['target'])).toBeUndefined();
    expect(suggest('TRAGET', ['target'], { caseInsensitive: true })).toBe('target');
  });

  test('a tie goes to the first in byte order, whatever the order of the candidates', () => {
    expect(suggest('file0', ['file2', 'file1', 'file3'])).toBe('file1');
    expect(suggest('file0', ['file3', 'file1', 'file2'])).toBe('file1');
    expect(suggest('README', ['readme', 'Readme'])).toBe('Readme');
  });

  test('a hundred thousand candidates are searched', () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `packages/module-${i}/dist/index.${i % 7}.js`);
    expect(suggest('packages/module-77777/dist/idnex.0.js', names)).toBe('packages/module-77777/dist/index.0.js');
  });

  test('agrees with the textbook distance', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 });
    fc.assert(
      fc.property(word, fc.array(word, { maxLength: 6 }), (text, candidates) => {
        const near = candidates
          .filter((c) => c !== text && textbook(text, c) <= Math.floor(Math.max(text.length, c.length) / 3))
          .sort((a, b) => textbook(text, a) - textbook(text, b) || (a < b ? -1 : 1));
        expect(suggest(text, candidates)).toBe(near[0]);
      }),
      { seed: 7, numRuns: 2000 },
    );
  });
});

/** Optimal string alignment, the whole table. */
function textbook(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i || j));
  for (let i = 0; i <= a.length; i++) {
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        d[i]![j] = i + j;
        continue;
      }
      const replace = d[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      d[i]![j] = Math.min(d[i - 1]![j]! + 1, d[i]![j - 1]! + 1, replace);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        d[i]![j] = Math.min(d[i]![j]!, d[i - 2]![j - 2]! + 1);
      }
    }
  }
  return d[a.length]![b.length]!;
}
