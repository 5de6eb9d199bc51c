/** Which stages there are, what COPY --from means, and what the target needs. */
import { describe, expect, test } from '@jest/globals';
import { analyzeDockerfile, type PlanOptions } from '../build/plan.js';
import type { CopySource } from './stage.js';

function resolve(text: string, options: Partial<PlanOptions> & { contexts?: readonly string[] } = {}) {
  const { contexts = [], ...more } = options;
  const local = { kind: 'local', excludes: [] } as const;
  const { resolved, errors } = analyzeDockerfile({
    file: 'Dockerfile',
    bytes: Buffer.from(text),
    target: undefined,
    platform: { os: 'wasi', architecture: 'wasm' },
    excludes: [],
    named: new Map(contexts.map((name) => [name, local])),
    ...more,
  });
  const show = (source: CopySource) => {
    if (source.kind === 'stage') return source.stage.index;
    return source.kind === 'named' ? source.name : source.kind;
  };
  return {
    codes: errors.map((e) => `${e.code}:${e.range?.start.line ?? '-'}`),
    target: resolved?.target.index,
    reached: resolved?.reached.map((stage) => stage.index),
    sources: resolved && [...resolved.sources.values()].map(show),
  };
}

const A = 'FROM scratch AS a\nCOPY x /\n';

describe('COPY --from', () => {
  test.each<[string, string, (string | number)[]]>([
    ['nothing is the context', 'COPY x /', ['context', 'context']],
    ['a name, in any case', 'COPY --from=A x /', ['context', 0]],
    ['an index', 'COPY --from=0 x /', ['context', 0]],
    ['scratch', 'COPY --from=scratch / /', ['context', 'scratch']],
    ['a context', 'COPY --from=other x /', ['context', 'other']],
    [
      'an index behind the stages counts the contexts that COPYs above have named',
      'COPY --from=other x /\nCOPY --from=2 y /',
      ['context', 'other', 'other'],
    ],
    ['an index with a sign or zeros', 'COPY --from=+0 x /\nCOPY --from=00 y /', ['context', 0, 0]],
  ])('%s', (_, lines, expected) => {
    expect(resolve(`${A}FROM scratch\n${lines}\n`, { contexts: ['other'] })).toMatchObject({
      codes: [],
      sources: expected,
    });
  });

  test('of two stages of one name is the last', () => {
    expect(resolve(`${A}FROM scratch AS A\nCOPY y /\nFROM scratch\nCOPY --from=a / /\n`).sources).toEqual([
      'context',
      'context',
      1,
    ]);
  });

  test.each([
    [
      'a stage further down',
      `FROM scratch\nCOPY --from=a x /\n${A}FROM scratch\nCOPY --from=0 x /\n`,
      ['StageNotFound:2'],
    ],
    ['an index that no stage has', 'FROM scratch\nCOPY --from=1 x /\n', ['StageNotFound:2']],
    ['an image', 'FROM scratch\nCOPY --from=nginx x /\n', ['UnsupportedSource:2']],
    ['a variable', 'FROM scratch\nCOPY --from=$X x /\n', ['UnsupportedSource:2']],
    ['itself', 'FROM scratch AS a\nCOPY --from=a x /\n', ['CircularDependency:2']],
  ])('%s is refused', (_, text, codes) => {
    expect(resolve(text).codes).toEqual(codes);
  });
});

describe('FROM', () => {
  test('finds the stage of that name above it, and minds case', () => {
    expect(resolve(`${A}FROM a\nCOPY y /\n`)).toMatchObject({ codes: [], reached: [0, 1] });
    expect(resolve(`${A}FROM A\nCOPY y /\n`).codes).toEqual(['UnsupportedBase:3']);
  });

  test('expands what it knows', () => {
    expect(resolve('FROM scratch AS stage-wasm\nCOPY x /\nFROM stage-$TARGETARCH\n')).toMatchObject({
      codes: [],
      reached: [0, 1],
    });
  });
});

describe('the target', () => {
  const text = `${A}FROM scratch AS b\nCOPY --from=a / /\nFROM scratch AS c\nCOPY z /\n`;

  test('is the last stage, or the one that is named', () => {
    expect(resolve(text)).toMatchObject({ target: 2, reached: [2] });
    expect(resolve(text, { target: 'B' })).toMatchObject({ target: 1, reached: [0, 1] });
    expect(resolve(text, { target: 'd' }).codes).toEqual(['TargetNotFound:-']);
  });

  test('needs nothing of a stage that it does not reach, whatever stands there', () => {
    const foreign = 'FROM alpine AS x\nRUN make\nCOPY --from=nginx / /\n';
    expect(resolve(`${foreign}${A}`)).toMatchObject({ codes: [], reached: [1] });
    expect(resolve(`${foreign}${A}COPY --from=x / /\n`).codes).toEqual(['UnsupportedBase:1']);
  });

  test('needs nothing of a stage that a context replaces', () => {
    const foreign = `FROM scratch AS base\nRUN x\nFROM base AS x\nRUN make\nFROM scratch\nCOPY --from=x / /\n`;
    expect(resolve(foreign, { contexts: ['x'] })).toMatchObject({ codes: [], reached: [1, 2] });
    expect(resolve(foreign).codes).toEqual(['UnsupportedInstruction:2', 'UnsupportedInstruction:4']);
  });
});
