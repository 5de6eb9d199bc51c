import { expect, test } from '@jest/globals';
import type { CopyCommand, FromCommand } from './instructions.js';
import type { CopySource, Stage } from './stage.js';
import { findCycle, findReached } from './stage-graph.js';

/** More stages than a stack has frames. */
const MANY = 50_000;

const FROM = { kind: 'from' } as FromCommand;

/** Stages, each with a COPY from the stage of the index that `from` gives. */
function copying(count: number, from: (index: number) => number | undefined) {
  const commands = Array.from({ length: count }, () => [{ kind: 'copy' } as CopyCommand]);
  const stages = commands.map((list, index): Stage => {
    return { index, name: undefined, base: { kind: 'scratch' }, replacedBy: undefined, from: FROM, commands: list };
  });
  const sources = new Map<CopyCommand, CopySource>();
  for (const [i, [copy]] of commands.entries()) {
    const index = from(i);
    sources.set(copy!, index === undefined ? { kind: 'context' } : { kind: 'stage', stage: stages[index]! });
  }
  return { stages, sources };
}

/** Stages, each on the one before. */
function stacked(count: number): Stage[] {
  const stages: Stage[] = [];
  for (let index = 0; index < count; index++) {
    const base: Stage['base'] = index === 0 ? { kind: 'scratch' } : { kind: 'stage', stage: stages[index - 1]! };
    stages.push({ index, name: undefined, base, replacedBy: undefined, from: FROM, commands: [] });
  }
  return stages;
}

test('no circle among stages that copy from those above, however many', () => {
  const { stages, sources } = copying(MANY, (i) => (i === 0 ? undefined : i - 1));
  expect(findCycle(stages, sources)).toBeUndefined();
  expect(findReached(stages.at(-1)!, stages, sources)).toHaveLength(MANY);
  expect(findReached(stages[2]!, stages, sources)).toEqual(stages.slice(0, 3));
});

test('a circle is told from where it was entered on, with the COPY that closes it', () => {
  const { stages, sources } = copying(MANY, (i) => (i + 1) % MANY);
  const found = findCycle(stages, sources)!;
  expect(found.stages).toHaveLength(MANY);
  expect(found.command).toBe(stages.at(-1)!.commands[0]);
  const inner = copying(5, (i) => [1, 2, 3, 1, undefined][i]);
  expect(findCycle(inner.stages, inner.sources)!.stages.map((s) => s.index)).toEqual([1, 2, 3]);
  const own = copying(2, (i) => (i === 1 ? 1 : undefined));
  expect(findCycle(own.stages, own.sources)!.stages.map((s) => s.index)).toEqual([1]);
});

test('a stage needs all that it is built on, and nothing where a context replaces it', () => {
  const stages = stacked(MANY);
  expect(findReached(stages.at(-1)!, stages, new Map())).toHaveLength(MANY);
  const replaced = { ...stages[3]!, replacedBy: 'context' };
  expect(findReached(replaced, [...stages.slice(0, 3), replaced], new Map())).toEqual([replaced]);
});
