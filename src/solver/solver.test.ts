/** Fake vertices with counters: how often each runs, when, and on what. */
import { describe, expect, test } from '@jest/globals';
import { makeVertex } from '../llb/marshal.js';
import type { Vertex } from '../llb/op.js';
import { solve } from './solver.js';

const METADATA = { name: '', ranges: [], caps: [] };

/** A vertex of this name; its result in these tests is `name(results of its inputs)`. */
function vertex(name: string, ...inputs: Vertex[]): Vertex {
  return makeVertex({ kind: 'source', identifier: `local://${name}`, attrs: {} }, inputs, METADATA);
}

const nameOf = ({ op }: Vertex) => (op.kind === 'source' ? op.identifier.replace('local://', '') : op.kind);
const show = (v: Vertex, inputs: readonly string[]) => `${nameOf(v)}(${inputs.join(' ')})`;

/** A promise that the test resolves. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Lets everything run that can. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('solve', () => {
  test('runs inputs first, and gives their results in the order of the inputs', async () => {
    const [a, b] = [vertex('a'), vertex('b')];
    expect(await solve(vertex('top', b, a, vertex('c', a)), show)).toBe('top(b() a() c(a()))');
  });

  test('runs each vertex once, also one that two steps have in common', async () => {
    const runs: string[] = [];
    const shared = () => vertex('shared'); // made twice, with one digest
    const top = vertex('top', vertex('left', shared()), vertex('right', shared()));
    const result = await solve(top, (v, inputs: readonly string[]) => {
      runs.push(nameOf(v));
      return show(v, inputs);
    });
    expect(result).toBe('top(left(shared()) right(shared()))');
    expect(runs.sort()).toEqual(['left', 'right', 'shared', 'top']);
  });

  test('runs independent vertices side by side, and what depends on one of them does not wait for the other', async () => {
    const gates: Record<string, ReturnType<typeof gate>> = { slow: gate(), quick: gate() };
    const runs: string[] = [];
    const solved = solve(vertex('top', vertex('slow'), vertex('after', vertex('quick'))), async (v) => {
      runs.push(nameOf(v));
      await gates[nameOf(v)]?.opened;
      return nameOf(v);
    });
    await settle();
    expect(runs).toEqual(['slow', 'quick']);
    gates.quick!.open();
    await settle();
    expect(runs).toEqual(['slow', 'quick', 'after']);
    gates.slow!.open();
    expect(await solved).toBe('top');
  });

  test('fails with the first error, starts nothing after it, and leaves nothing running', async () => {
    const gates = { slow: gate(), broken: gate() };
    const runs: string[] = [];
    const ends: string[] = [];
    const top = vertex('top', vertex('after', vertex('slow')), vertex('never', vertex('broken')));
    const solved = solve(top, async (v) => {
      runs.push(nameOf(v));
      await gates[nameOf(v) as keyof typeof gates]?.opened;
      ends.push(nameOf(v));
      if (nameOf(v) === 'broken') throw new Error('first');
      throw new Error('second');
    });
    const failed = expect(solved).rejects.toThrow('first');
    await settle();
    gates.broken.open();
    await settle();
    expect(ends).toEqual(['broken']);
    gates.slow.open(); // what runs comes to its end before the error is told
    await failed;
    expect(runs).toEqual(['slow', 'broken']);
    expect(ends).toEqual(['broken', 'slow']);
  });

  test('takes an error that is thrown at once like one that comes later', async () => {
    const boom = () => {
      throw new Error('at once');
    };
    await expect(solve(vertex('top', vertex('a')), boom)).rejects.toThrow('at once');
  });

  test('a chain of 20,000 steps is no deeper than any other', async () => {
    let top = vertex('0');
    for (let i = 1; i < 20_000; i++) top = vertex(String(i), top);
    let runs = 0;
    expect(await solve<number>(top, (_, [below = 0]) => ++runs && below + 1)).toBe(20_000);
    expect(runs).toBe(20_000);
  });
});
