/** What the key of a layer covers, and what it leaves out (the comment above it says why that is sound). */
import { expect, test } from '@jest/globals';
import type { LayerOptions } from '../layer/build-layer.js';
import { type Change, diffTrees } from '../snapshot/diff.js';
import { BUILD_TIME, EMPTY_TREE, type FileNode, type Node } from '../snapshot/file-tree.js';
import { sha256 } from '../util/digest.js';
import { layerKey, layerShape } from './layer-key.js';

const FORM: LayerOptions = { epochSeconds: 1000, compression: 'gzip' };
const META = { mode: 0o644, uid: 0, gid: 0, mtime: 500, mtimeNsec: 1 };

function file(text: string, more: Partial<FileNode> = {}): FileNode {
  const bytes = Buffer.from(text);
  const content = { kind: 'bytes', bytes, digest: sha256(bytes) } as const;
  return { type: 'file', ...META, size: bytes.length, content, ...more };
}

const link = (target: string): Node => ({ type: 'symlink', ...META, mode: 0o777, target });
const device = (major: number, minor: number): Node => ({ type: 'char', ...META, major, minor });
const entries = (list: readonly (readonly [path: string, node: Node])[]): Change[] =>
  list.map(([path, node]) => ({ path, node }));

const shape = (list: Parameters<typeof entries>[0], form = FORM) => layerShape(entries(list), form).shape;
const A = file('a');

test.each<[string, Parameters<typeof entries>[0], LayerOptions?]>([
  ['a path', [['b', A]]],
  ['a path of other bytes', [['\udc61', A]]],
  ['a mode', [['a', { ...A, mode: 0o600 }]]],
  ['an owner', [['a', { ...A, uid: 1 }]]],
  ['a group', [['a', { ...A, gid: 1 }]]],
  ['an mtime before the epoch', [['a', { ...A, mtime: 499 }]]],
  ['an mtime before 1970, which PAX holds', [['a', { ...A, mtime: -1 }]]],
  ['an mtime that PAX holds, clamped as it is', [['a', { ...A, mtime: 8 ** 11 }]]],
  ['a size', [['a', file('ab')]]],
  ['a type', [['a', link('a')]]],
  [
    'one entry more',
    [
      ['a', A],
      ['b', A],
    ],
  ],
  ['the compression', [['a', A]], { ...FORM, compression: 'zstd' }],
  ['its level', [['a', A]], { ...FORM, compressionLevel: 6 }],
  ['an epoch that clamps', [['a', A]], { ...FORM, epochSeconds: 100 }],
])('%s is covered', (...[, list, form]) => {
  expect(shape(list, form)).not.toBe(shape([['a', A]]));
});

test('targets, devices, and which entry is the link of which are covered', () => {
  expect(shape([['l', link('a')]])).not.toBe(shape([['l', link('b')]]));
  expect(shape([['d', device(1, 2)]])).not.toBe(shape([['d', device(1, 3)]]));
  const [x, y] = [file('x'), file('x')];
  const linked = shape([
    ['1', x],
    ['2', y],
    ['3', x],
  ]);
  expect(linked).not.toBe(
    shape([
      ['1', x],
      ['2', y],
      ['3', y],
    ]),
  );
  expect(linked).not.toBe(
    shape([
      ['1', x],
      ['2', y],
      ['3', file('x')],
    ]),
  );
});

test('no two lists write the same text: a path may hold whatever a line may', () => {
  const one = shape([['a\nfile 420 0 0 500 false\n1\nb', A]]);
  expect(one).not.toBe(
    shape([
      ['a', A],
      ['b', A],
    ]),
  );
});

test.each<[string, FileNode]>([
  ['an mtime above the epoch', file('a', { mtime: 5000 })],
  ['the time of the build', file('a', { mtime: BUILD_TIME, mtimeNsec: 0 })],
])('%s is clamped, and no matter', (_, node) => {
  expect(shape([['a', node]])).toBe(shape([['a', { ...A, mtime: 1000 }]]));
});

test('fractions of times, and where content lies, are no matter', () => {
  expect(shape([['a', { ...A, mtimeNsec: 7 }]])).toBe(shape([['a', A]]));
  const spooled = { kind: 'file', path: '/spool', offset: 7, label: 'x' } as const;
  expect(shape([['a', { ...A, content: spooled }]])).toBe(shape([['a', A]]));
});

test('content is what the key has beyond the shape, each file of it once and in order, empty ones apart', () => {
  const tree = {
    ...EMPTY_TREE,
    entries: new Map<string, Node>([
      ['a', A],
      ['b', file('')],
      ['c', A],
      ['d', file('d')],
    ]),
  };
  const { shape: own, files } = layerShape(
    diffTrees(EMPTY_TREE, tree, () => false),
    FORM,
  );
  expect(files.map((f) => f.content.kind === 'bytes' && String(f.content.bytes))).toEqual(['a', 'd']);
  const [a, d] = [sha256('a'), sha256('d')];
  expect(layerKey(own, [a, d])).toEqual(layerKey(own, [a, d]));
  expect(layerKey(own, [a, d]).content).not.toBe(layerKey(own, [d, a]).content);
  expect(layerKey(own, [a]).content).not.toBe(layerKey(own, [a, d]).content);
});
