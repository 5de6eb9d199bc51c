import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import type { DirectoryNode, FileNode, Node } from '../snapshot/file-tree.js';
import { directory, exportInput, file, root } from '../test/hello-image.js';
import { removeTree } from '../util/atomic-write.js';
import { decodeText, encodeText } from '../util/text.js';
import { EXPORTERS } from './exporter.js';

const EPOCH = 1_700_000_000;
const OWNERLESS = { uid: 12345, gid: 54321, mtime: 0, mtimeNsec: 0 };
const symlink = (target: string): Node => ({ type: 'symlink', mode: 0o777, ...OWNERLESS, target });

let dir: string;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'local-'));
});

afterEach(() => removeTree(dir));

const at = (...parts: string[]) => path.join(dir, ...parts);

function exportTo(folder: string, tree: DirectoryNode): Promise<void> {
  return EXPORTERS.local.export(exportInput({ roots: [root(tree)], epochSeconds: EPOCH }), {
    kind: 'folder',
    path: folder,
  });
}

/** Every path below a folder with its mode, and what it holds. */
function listing(folder: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const stat = fs.lstatSync(path.join(folder, name));
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) out[name] = `-> ${fs.readlinkSync(path.join(folder, name))}`;
    else if (stat.isDirectory()) out[`${name}/`] = mode;
    else if (stat.isFile()) out[name] = `${mode} ${fs.readFileSync(path.join(folder, name), 'utf8')}`;
    else out[name] = stat.isFIFO() ? `${mode} fifo` : 'special';
  }
  return out;
}

const TREE = directory({
  bin: directory({ app: file('run', 0o4755), secret: file('s', 0o400) }, 0o700),
  empty: directory({}, 0o1777),
  link: symlink('../../etc'),
  closed: directory({ f: file('x') }, 0o555),
  pipe: { type: 'fifo', mode: 0o640, ...OWNERLESS, major: 0, minor: 0 },
});

const EXPECTED = {
  'bin/': '700',
  'bin/app': '4755 run',
  'bin/secret': '400 s',
  'closed/': '555',
  'closed/f': '644 x',
  'empty/': '1777',
  link: '-> ../../etc',
  pipe: '640 fifo',
};

describe('into a folder that is not there', () => {
  test('the tree is written with its modes, and the folders above it are made', async () => {
    await exportTo(at('a', 'b', 'out'), TREE);
    expect(listing(at('a', 'b', 'out'))).toEqual(EXPECTED);
    expect(fs.readdirSync(dir)).toEqual(['a']);
  });

  test('everything has the time of the epoch, and belongs to who runs the build', async () => {
    await exportTo(at('out'), TREE);
    for (const name of ['bin', 'bin/app', 'link', 'closed', 'closed/f', 'pipe', 'empty']) {
      const stat = fs.lstatSync(at('out', name));
      expect([name, stat.mtimeMs, stat.uid]).toEqual([name, EPOCH * 1000, os.userInfo().uid]);
    }
  });

  test('hard links stay hard links', async () => {
    const shared = file('one');
    await exportTo(at('out'), directory({ a: shared, d: directory({ b: shared }), c: file('one') }));
    const ino = (name: string) => fs.statSync(at('out', name)).ino;
    expect(ino('a')).toBe(ino('d/b'));
    expect(ino('a')).not.toBe(ino('c'));
  });

  test('names and link targets that are no UTF-8 are kept', async () => {
    const raw = decodeText(Buffer.of(0x61, 0xff));
    await exportTo(at('out'), directory({ [raw]: file('x'), l: symlink(raw) }));
    expect(fs.readdirSync(at('out'), { encoding: 'buffer' })).toContainEqual(encodeText(raw));
    expect(fs.readlinkSync(at('out', 'l'), { encoding: 'buffer' })).toEqual(encodeText(raw));
  });

  test('large files and many files', async () => {
    const big = Buffer.alloc(2_500_000, 'big');
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, file(String(i))]));
    await exportTo(at('out'), directory({ big: file(big), many: directory(many) }));
    expect(fs.readFileSync(at('out', 'big')).equals(big)).toBe(true);
    expect(fs.readdirSync(at('out', 'many'))).toHaveLength(1000);
  });

  test('a failure leaves nothing, not even the folders above', async () => {
    await expect(exportTo(at('a', 'out'), directory({ a: file('x'), z: gone() }))).rejects.toMatchObject({
      diagnostics: [{ code: 'FileNotReadable' }],
    });
    expect(fs.readdirSync(dir)).toEqual([]);
  });
});

describe('into a folder that is there', () => {
  beforeEach(() => {
    fs.mkdirSync(at('out', 'bin'), { recursive: true });
    fs.writeFileSync(at('out', 'bin', 'app'), 'old');
    fs.writeFileSync(at('out', 'bin', 'other'), 'other');
    fs.chmodSync(at('out', 'bin', 'other'), 0o600);
    fs.chmodSync(at('out'), 0o711);
  });

  test('what the tree has is replaced, and the rest stays', async () => {
    await exportTo(at('out'), TREE);
    expect(listing(at('out'))).toEqual({ ...EXPECTED, 'bin/other': '600 other' });
    expect(fs.statSync(at('out')).mode & 0o777).toBe(0o711);
    await exportTo(at('out'), TREE);
    expect(listing(at('out'))).toEqual({ ...EXPECTED, 'bin/other': '600 other' });
  });

  test('a symlink in the way is replaced, never followed', async () => {
    fs.mkdirSync(at('outside', 'd'), { recursive: true });
    fs.writeFileSync(at('outside', 'f'), 'mine');
    fs.symlinkSync('../outside/d', at('out', 'd'));
    fs.symlinkSync('../outside/f', at('out', 'f'));
    await exportTo(at('out'), directory({ d: directory({ x: file('x') }), f: file('new') }));
    expect(listing(at('outside'))).toEqual({ 'd/': expect.any(String), f: expect.stringContaining('mine') });
    expect(listing(at('out'))).toMatchObject({ 'd/': '755', 'd/x': '644 x', f: '644 new' });
  });

  test('the folder itself may be a symlink', async () => {
    fs.symlinkSync('out', at('link'));
    await exportTo(at('link'), directory({ x: file('x') }));
    expect(listing(at('out'))).toMatchObject({ x: '644 x', 'bin/app': expect.stringContaining('old') });
    expect(fs.lstatSync(at('link')).isSymbolicLink()).toBe(true);
  });

  test('a file takes the place of a folder, and a folder that of a file', async () => {
    await exportTo(at('out'), directory({ bin: file('now a file') }));
    expect(listing(at('out'))).toEqual({ bin: '644 now a file' });
    await exportTo(at('out'), directory({ bin: directory({ x: file('x') }) }));
    expect(listing(at('out'))).toEqual({ 'bin/': '755', 'bin/x': '644 x' });
  });

  test('a failure while the content is written leaves the folder as it was', async () => {
    const before = listing(at('out'));
    await expect(exportTo(at('out'), directory({ bin: directory({ app: file('new') }), z: gone() }))).rejects.toThrow(
      BuildError,
    );
    expect(listing(at('out'))).toEqual(before);
  });

  test('a failure while the tree is moved into place leaves the folder as it was', async () => {
    const before = listing(at('out'));
    const time = fs.statSync(at('out', 'bin')).mtimeMs;
    const tooLong = 'n'.repeat(300); // every step before the last has succeeded by then
    const tree = directory({ bin: directory({ app: file('new') }, 0o500), dir: directory({ x: file('x') }) });
    const late = { ...tree, entries: lateEntries(tree, tooLong) };
    await expect(exportTo(at('out'), late)).rejects.toMatchObject({ diagnostics: [{ code: 'OutputNotWritable' }] });
    expect(listing(at('out'))).toEqual(before);
    expect(fs.statSync(at('out', 'bin')).mtimeMs).not.toBe(EPOCH * 1000);
    expect(time).toBeGreaterThan(0);
  });
});

test('a file in the place of the folder is said at once', async () => {
  fs.writeFileSync(at('out'), 'file');
  const error = (await exportTo(at('out'), TREE).catch((e: unknown) => e)) as BuildError;
  expect(error.diagnostics[0]).toMatchObject({
    code: 'OutputNotWritable',
    message: `cannot write ${at('out')}: not a directory`,
  });
  expect(fs.readFileSync(at('out'), 'utf8')).toBe('file');
});

/** A file that has gone since it was listed. */
function gone(): FileNode {
  const content = { kind: 'file', path: at('gone'), offset: 0, label: 'gone' } as const;
  return { type: 'file', mode: 0o644, ...OWNERLESS, size: 3, content };
}

/** The entries of a tree that gain one, which no file system takes, once they have been walked for writing. */
function lateEntries(tree: DirectoryNode, name: string): ReadonlyMap<string, Node> {
  const late = new Map([...tree.entries, [name, directory({})] as const]);
  let walks = 0;
  return new Proxy(tree.entries, {
    get(target, key) {
      const map = key === Symbol.iterator && ++walks > 2 ? late : target;
      const value: unknown = Reflect.get(map, key, map);
      return typeof value === 'function' ? value.bind(map) : value;
    },
  });
}
