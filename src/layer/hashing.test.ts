import fs from 'node:fs';
import { afterEach, expect, test } from '@jest/globals';
import { readLocalTree } from '../context/local-context.js';
import { diffTrees } from '../snapshot/diff.js';
import { EMPTY_TREE, type FileNode } from '../snapshot/file-tree.js';
import { useRig } from '../test/rig.js';
import { type Hashing, HERE, hashingFor, startHashThreads } from './hashing.js';
import { layerPieces } from './pieces.js';

const rig = useRig();
const MIB = 1024 * 1024;
const opened: Hashing[] = [];

afterEach(async () => {
  for (const hashing of opened.splice(0)) await hashing.close();
});

async function threads(count: number): Promise<Hashing> {
  const hashing = (await startHashThreads(count))!;
  opened.push(hashing);
  return hashing;
}

/** What is heard of a layer, and how many different stretches of memory its pieces had. */
async function hear(hashing: Hashing) {
  const tree = readLocalTree(fs.realpathSync(rig.path('ctx')), { followPaths: [], excludes: [] }, new Set());
  const contents: string[] = [];
  const onContent = ({ size }: FileNode, digest: string) => contents.push(`${size} ${digest}`);
  const diff = hashing.open();
  const memories = new Set<ArrayBufferLike>();
  for await (const piece of layerPieces(
    diffTrees(EMPTY_TREE, tree, () => false),
    0,
    { onContent },
    hashing,
  )) {
    memories.add(piece.buffer);
    diff.update(piece);
    await hashing.room();
    hashing.release(piece);
  }
  return { heard: { contents, diffID: await diff.digest() }, memories: memories.size };
}

test.each([1, 2])('%d threads give the digests that this one does, and their memory goes round', async (count) => {
  const sizes = { 'ctx/a': 10, 'ctx/b': 40 * MIB + 1, 'ctx/c': MIB - 512, 'ctx/d': 3 * MIB };
  for (const [name, size] of Object.entries(sizes)) rig.write({ [name]: Buffer.alloc(size, `${name} and more, `) });
  const { heard } = await hear(HERE);
  expect(heard.contents).toHaveLength(4);
  const again = await hear(await threads(count));
  expect(again.heard).toEqual(heard);
  expect(again.memories).toBeLessThan(16);
});

test('a thread that has ended is an error, and nothing waits for it', async () => {
  const hashing = await threads(2);
  const hash = hashing.open();
  hash.update(Buffer.from('x'));
  await hashing.close();
  await expect(hash.digest()).rejects.toThrow();
});

test('a thread is started where it pays', async () => {
  expect(await hashingFor(MIB, { cores: 8, compressed: false })).toBe(HERE);
  expect(await hashingFor(32 * MIB, { cores: 2, compressed: true })).toBe(HERE);
  expect(await hashingFor(1024 * MIB, { cores: 1, compressed: true })).toBe(HERE);
  opened.push(await hashingFor(32 * MIB, { cores: 2, compressed: false }));
  expect(opened[0]).not.toBe(HERE);
});
