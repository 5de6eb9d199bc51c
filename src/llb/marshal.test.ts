/** load(marshal(v)) = v, with a reader that shares nothing with the writer; and what a definition owes a daemon. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { loadDefinition } from '../test/load-llb.js';
import { listVertices, makeVertex, marshalDefinition } from './marshal.js';
import type { CopyAction, FileAction, MkfileAction, Op, OpMetadata, UserOpt, Vertex } from './op.js';

const SOURCE = { file: 'Dockerfile', text: Buffer.from('FROM scratch\n') };
const range = (start: number, end = start) => ({
  file: 'Dockerfile',
  start: { line: start, column: 1 },
  end: { line: end, column: 2 },
});

const metadata: fc.Arbitrary<OpMetadata> = fc.record({
  name: fc.string({ unit: 'binary' }).map((s) => s.toWellFormed()),
  ranges: fc.array(fc.integer({ min: 1, max: 2 ** 31 - 1 }).map((line) => range(line))),
  caps: fc.constantFrom([], ['file.base'], ['source.local', 'source.local.unique']),
});
const text = fc.string({ unit: 'grapheme', maxLength: 8 }).map((s) => s.toWellFormed());
const index = fc.integer({ min: -1, max: 300 });
const who: fc.Arbitrary<UserOpt> = fc.oneof(
  fc.record({ id: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ name: text, input: index }),
);
const copy: fc.Arbitrary<CopyAction> = fc
  .record({
    kind: fc.constant('copy' as const),
    src: text,
    dest: text,
    owner: fc.record({ user: who, group: who }, { requiredKeys: [] }),
    mode: fc.constantFrom(-1, 0, 0o644, 0o7777),
    followSymlink: fc.boolean(),
    dirCopyContents: fc.boolean(),
    createDestPath: fc.boolean(),
    allowWildcard: fc.boolean(),
    allowEmptyWildcard: fc.boolean(),
    includePatterns: fc.array(text),
    excludePatterns: fc.array(text),
    modeStr: fc.constantFrom('', 'u+x'),
    requiredPaths: fc.array(text),
  })
  .map((action) => ({ ...action, mode: action.modeStr === '' ? action.mode : 0 })); // symbols win over a mode
const mkfile: fc.Arbitrary<MkfileAction> = fc.record({
  kind: fc.constant('mkfile' as const),
  path: text,
  mode: fc.constantFrom(0o644, 0o600),
  data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
const action: fc.Arbitrary<FileAction> = fc.record({
  input: index,
  secondaryInput: index,
  output: index,
  action: fc.oneof(copy, mkfile),
});
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    kind: fc.constant('source' as const),
    identifier: text,
    attrs: fc.dictionary(text, text, { noNullPrototype: true }),
  }),
  fc.record({ kind: fc.constant('file' as const), actions: fc.array(action, { minLength: 1, maxLength: 4 }) }),
  fc.record({ kind: fc.constant('merge' as const), inputs: fc.array(fc.nat(5)) }),
);

/** A graph: each vertex works on some of those before it, and the last on all that nobody used. */
const graph: fc.Arbitrary<Vertex> = fc
  .array(fc.tuple(op, metadata, fc.array(fc.nat(), { maxLength: 3 })), { minLength: 1, maxLength: 8 })
  .map((parts) => {
    const vertices: Vertex[] = [];
    for (const [o, m, picks] of parts) {
      const inputs = vertices.length === 0 ? [] : picks.map((pick) => vertices[pick % vertices.length]!);
      vertices.push(makeVertex(o, [...new Set(inputs)], m));
    }
    return makeVertex({ kind: 'merge', inputs: vertices.map((_, i) => i) }, vertices, {
      name: 'all',
      ranges: [],
      caps: [],
    });
  });

/** Sets are compared as sets, and an empty value is as good as none. */
const shape = (o: unknown) => JSON.parse(JSON.stringify(o, (_key, v) => (Buffer.isBuffer(v) ? v.toString('hex') : v)));

test('a definition read back is the graph', () => {
  fc.assert(
    fc.property(graph, (top) => {
      const loaded = loadDefinition(marshalDefinition(top, SOURCE));
      const expected = listVertices(top).map((v) => ({
        digest: v.digest,
        inputs: v.inputs.map((input) => input.digest),
        op: shape(v.op),
        name: v.metadata.name,
        caps: [...new Set(v.metadata.caps)].sort(),
        lines: v.metadata.ranges.map(({ start, end }) => [start.line, end.line]),
      }));
      expect(loaded.vertices.map((v) => ({ ...v, op: shape(v.op), caps: [...v.caps].sort() }))).toEqual(expected);
      expect(loaded.result).toBe(top.digest);
      expect(loaded.source).toEqual({ file: 'Dockerfile', text: 'FROM scratch\n', language: 'Dockerfile' });
      const known = new Set<string>();
      for (const { digest, inputs } of loaded.vertices) {
        for (const input of inputs) expect(known).toContain(input); // inputs come first, as a daemon wants them
        expect(known).not.toContain(digest);
        known.add(digest);
      }
    }),
    { numRuns: 100 },
  );
});

describe('a digest', () => {
  const source = (attrs: Record<string, string>) =>
    makeVertex({ kind: 'source', identifier: 'local://context', attrs }, [], { name: '', ranges: [], caps: [] });

  test('does not depend on the order of attributes, nor on what is only for people', () => {
    const { digest } = source({ a: '1', b: '2' });
    expect(source({ b: '2', a: '1' }).digest).toBe(digest);
    const { op } = source({ a: '1', b: '2' });
    expect(makeVertex(op, [], { name: 'other', ranges: [range(7)], caps: ['x'] }).digest).toBe(digest);
    expect(source({ a: '1', b: '3' }).digest).not.toBe(digest);
  });
});

test('a vertex of two steps has the places of both, the name of the later, and stands once', () => {
  const step = (name: string, line: number) =>
    makeVertex({ kind: 'source', identifier: 'local://context', attrs: {} }, [], {
      name,
      ranges: [range(line)],
      caps: [name],
    });
  const [first, second] = [step('first', 1), step('second', 2)];
  const merge = { kind: 'merge', inputs: [0, 1] } as const;
  const top = makeVertex(merge, [first, second], { name: 'top', ranges: [], caps: [] });
  const loaded = loadDefinition(marshalDefinition(top, SOURCE));
  expect(loaded.vertices).toMatchObject([
    {
      name: 'second',
      caps: ['first', 'second'],
      lines: [
        [1, 1],
        [2, 2],
      ],
    },
    { name: 'top' },
  ]);
});

test('an empty image has an empty definition', () => {
  expect(marshalDefinition(undefined, SOURCE)).toHaveLength(0);
});
