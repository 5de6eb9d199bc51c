/** Archives as trees: whatever names they have, nothing leads outside, and what is damaged says so. */
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { BUILD_TIME, type DirectoryNode, EMPTY_TREE, walkTree } from '../snapshot/file-tree.js';
import { makeTar, type TarSpec } from '../test/make-tar.js';
import { readContentSync } from '../util/file-content.js';
import { readTarTree, type Spool } from './tar-context.js';

let spool: Spool;

beforeEach(async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tar-context-'));
  const file = path.join(dir, 'spool');
  spool = { path: file, handle: await open(file, 'wx+'), size: 0 };
});

afterEach(async () => {
  await spool.handle.close().catch(() => undefined);
  fs.rmSync(path.dirname(spool.path), { recursive: true });
});

async function* stream(bytes: Uint8Array) {
  for (let i = 0; i < bytes.length; i += 700) yield bytes.subarray(i, i + 700);
}

const read = (bytes: Uint8Array, more: { layer?: boolean; base?: DirectoryNode } = {}) =>
  readTarTree(stream(bytes), more.base ?? EMPTY_TREE, { spool, label: 'the archive', layer: more.layer ?? false });

const treeOf = async (...entries: TarSpec[]) => read(await makeTar(...entries));

/** `a/f "text"`, `a/l -> target`, `a/`; an equals sign where it is the same file as an earlier one. */
function show(tree: DirectoryNode): string[] {
  const first = new Map<unknown, string>();
  return [...walkTree(tree)].map(([name, node]) => {
    if (node.type === 'directory') return `${name}/`;
    if (node.type === 'symlink') return `${name} -> ${node.target}`;
    if (node.type !== 'file') return `${name} (${node.type})`;
    const same = first.get(node);
    first.set(node, same ?? name);
    return same === undefined ? `${name} "${readContentSync(node)}"` : `${name} = ${same}`;
  });
}

async function failure(bytes: Uint8Array) {
  const error = await read(bytes).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BuildError);
  return (error as BuildError).diagnostics[0]!;
}

test('archives that are read side by side into one file keep their bytes apart', async () => {
  const text = (name: string, i: number) => `${name}${i} `.repeat(20_000 + i);
  const archives = await Promise.all(
    ['a', 'b', 'c'].map((name) => makeTar(...[1, 2, 3].map((i): TarSpec => [`${name}${i}`, text(name, i)]))),
  );
  const trees = await Promise.all(archives.map((bytes) => read(bytes)));
  for (const [k, name] of ['a', 'b', 'c'].entries())
    expect(show(trees[k]!)).toEqual([1, 2, 3].map((i) => `${name}${i} "${text(name, i)}"`));
});

describe('names', () => {
  test('are cleaned: ./a, /a and a are one', async () => {
    expect(show(await treeOf(['./'], ['./a', '1'], ['/b', '2'], ['c//./d', '3'], ['a', '4']))).toEqual([
      'a "4"',
      'b "2"',
      'c/',
      'c/d "3"',
    ]);
  });

  test('with .. are refused', async () => {
    const diagnostic = await failure(await makeTar(['a/../../etc/passwd', 'x']));
    expect(diagnostic).toMatchObject({
      code: 'InvalidContext',
      message: 'the archive names "a/../../etc/passwd", which leads outside',
    });
    expect(diagnostic.hint).toBeTruthy();
  });

  test('make the folders above them', async () => {
    const tree = await treeOf(['a/b/c', 'x']);
    expect(show(tree)).toEqual(['a/', 'a/b/', 'a/b/c "x"']);
    expect(tree.entries.get('a')).toMatchObject({ mode: 0o755, uid: 0, gid: 0 });
  });

  test('follow links in the folders above them, and stay inside', async () => {
    const link = { type: 'symlink', linkname: '../../real' } as const;
    expect(show(await treeOf(['real/'], ['link', link], ['link/f', 'x']))).toEqual([
      'link -> ../../real',
      'real/',
      'real/f "x"',
    ]);
  });

  test('that run in a circle of links are refused', async () => {
    const to = (linkname: string) => ({ type: 'symlink', linkname }) as const;
    const diagnostic = await failure(await makeTar(['a', to('b')], ['b', to('a')], ['a/f', 'x']));
    expect(diagnostic).toMatchObject({ code: 'InvalidContext' });
    expect(diagnostic.message).toContain('links');
  });
});

describe('entries', () => {
  test('keep mode, time and content, and lose their owner', async () => {
    const tree = await treeOf(
      ['f', { content: 'text', mode: 0o4711, uid: 7, gid: 8, mtime: 1234 }],
      ['d/', { mode: 0o700, uid: 7 }],
    );
    expect(tree.entries.get('f')).toMatchObject({ mode: 0o4711, uid: 0, gid: 0, mtime: 1234, size: 4 });
    expect(tree.entries.get('d')).toMatchObject({ mode: 0o700, uid: 0 });
  });

  test('of folders keep their time, whatever comes into them; a folder that is not named has that of the build', async () => {
    const tree = await treeOf(
      ['d/', { mtime: 5 }],
      ['d/e/', { mtime: 6 }],
      ['d/e/f', { content: 'x', mtime: 7 }],
      ['n/f', 'x'],
    );
    const d = tree.entries.get('d') as DirectoryNode;
    expect([d, d.entries.get('e'), tree.entries.get('n')].map((node) => node!.mtime)).toEqual([5, 6, BUILD_TIME]);
  });

  test('that are hard links are one file', async () => {
    expect(show(await treeOf(['a', '1'], ['b', { type: 'link', linkname: './a' }]))).toEqual(['a "1"', 'b = a']);
    const diagnostic = await failure(await makeTar(['b', { type: 'link', linkname: 'a' }]));
    expect(diagnostic.message).toBe('the archive: b is a hard link to a, which is not in the archive');
  });

  test('replace what came before, also a folder a file', async () => {
    expect(show(await treeOf(['a', '1'], ['a/b', '2']))).toEqual(['a/', 'a/b "2"']);
    expect(show(await treeOf(['a/b', '1'], ['a', '2']))).toEqual(['a "2"']);
    expect(show(await treeOf(['a/b', '1'], ['a/', { mode: 0o700 }]))).toEqual(['a/', 'a/b "1"']);
  });

  test('of other kinds: pipes stay, devices are left out', async () => {
    expect(show(await treeOf(['p', { type: 'fifo' }], ['null', { type: 'character-device' }]))).toEqual(['p (fifo)']);
  });
});

describe('a layer', () => {
  test('keeps owners, and its whiteouts remove what lies below', async () => {
    const base = await treeOf(['a', '1'], ['d/x', '2'], ['d/y', '3'], ['e/z', '4']);
    const layer = await makeTar(
      ['.wh.a'],
      ['d/.wh.x'],
      ['e/.wh..wh..opq'],
      ['e/new', { content: '5', uid: 7, gid: 8 }],
      ['.wh.none'],
    );
    const tree = await read(layer, { layer: true, base });
    expect(show(tree)).toEqual(['d/', 'd/y "3"', 'e/', 'e/new "5"']);
    expect((tree.entries.get('e') as DirectoryNode).entries.get('new')).toMatchObject({ uid: 7, gid: 8 });
    expect(show(base)).toHaveLength(6); // trees are values
  });

  test('leaves alone, where it hides all of a folder, what it brought into it itself, in whatever order', async () => {
    const base = await treeOf(['d/+old', '1'], ['d/s/old', '2'], ['d/t/old', '3'], ['d/+new', '4']);
    const layer = await makeTar(['d/+new', '5'], ['d/s/new', '6'], ['d/.wh..wh..opq'], ['d/z', '7']);
    const tree = await read(layer, { layer: true, base });
    expect(show(tree)).toEqual(['d/', 'd/+new "5"', 'd/s/', 'd/s/new "6"', 'd/z "7"']);
  });
});

describe('an archive', () => {
  test('may be compressed with gzip', async () => {
    expect(show(await read(gzipSync(await makeTar(['a', 'x'.repeat(5000)]))))).toEqual([`a "${'x'.repeat(5000)}"`]);
  });

  test.each<[string, (whole: Buffer) => Uint8Array]>([
    ['cut off within a file', (whole) => whole.subarray(0, 1000)],
    [
      'with a damaged header',
      (whole) => Buffer.concat([whole.subarray(0, 100), Buffer.alloc(20, 'x'), whole.subarray(120)]),
    ],
    ['whose gzip is cut off', (whole) => gzipSync(whole).subarray(0, 60)],
    ['that only begins like gzip', () => Buffer.from('1f8b0807', 'hex')],
  ])('%s is damaged', async (_, damage) => {
    const diagnostic = await failure(damage(await makeTar(['a', 'x'.repeat(5000)])));
    expect(diagnostic).toMatchObject({ code: 'InvalidContext', hint: 'make the archive again' });
    expect(diagnostic.message).toMatch(/^the archive is damaged: [^:]+$/);
  });

  test('keeps its bytes when a write takes fewer than it is given', async () => {
    const { handle } = spool;
    const stingy = {
      write: (bytes: Uint8Array, at: number, length: number, position: number) =>
        handle.write(bytes, at, Math.min(length, 100), position),
    };
    const text = Array.from({ length: 2000 }, (_, i) => `${i} `).join('');
    const archive = stream(await makeTar(['a', text], ['b', text]));
    const options = { spool: { ...spool, handle: stingy as never }, label: 'x', layer: false };
    expect(show(await readTarTree(archive, EMPTY_TREE, options))).toEqual([`a "${text}"`, `b "${text}"`]);
  });

  test('is not called damaged when the disk is full', async () => {
    const full = {
      ...spool,
      handle: { write: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) },
    };
    const reading = readTarTree(stream(await makeTar(['a', 'x'])), EMPTY_TREE, {
      spool: full as never,
      label: 'x',
      layer: false,
    });
    await expect(reading).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});
