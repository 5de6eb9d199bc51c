import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sha256 } from '../util/digest.js';
import { ImageIndex } from './image-index.js';
import { processName, withLock } from './lock.js';

let folder: string;
let index: ImageIndex;
const at = (name: string) => path.join(folder, name);
const descriptorOf = (text: string) => ({ mediaType: 'm', digest: sha256(text), size: text.length });
const DEAD = () => `999999999-${processName().split('-')[1]}`;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'index-'));
  index = new ImageIndex(folder);
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const names = async () => (await index.list()).map((i) => `${i.name} ${i.descriptor.digest.slice(7, 11)}`);
const short = (text: string) => sha256(text).slice(7, 11);

describe('the index', () => {
  test('gives names, moves them, and takes them away', async () => {
    await index.tag(['b', 'a'], descriptorOf('one'));
    expect(await names()).toEqual([`a ${short('one')}`, `b ${short('one')}`]);
    await index.tag(['a'], descriptorOf('two'));
    expect(await names()).toEqual([`a ${short('two')}`, `b ${short('one')}`]);
    expect([await index.untag('b'), await index.untag('b')]).toEqual([true, false]);
    expect(await names()).toEqual([`a ${short('two')}`]);
    expect(fs.readdirSync(folder).sort()).toEqual(['index.json', 'tmp']);
  });

  test('keeps what another tool listed without a name', async () => {
    fs.writeFileSync(at('index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptorOf('theirs')] }));
    await index.tag(['a'], descriptorOf('ours'));
    expect(await index.entries()).toHaveLength(2);
    expect(await names()).toEqual([`a ${short('ours')}`]);
  });

  test('loses no name of forty writers at once', async () => {
    const all = Array.from({ length: 40 }, (_, i) => `image-${String(i).padStart(2, '0')}`);
    await Promise.all(all.map((name) => new ImageIndex(folder).tag([name], descriptorOf(name))));
    expect((await index.list()).map((i) => i.name)).toEqual(all);
  });

  test.each([
    '{"schemaVersion":3}',
    '{"schemaVersion":2,"mediaType":"x","manifests":[]}',
    'nonsense',
    '',
    '[]',
    'null',
  ])('that is not understood (%s) is refused and kept', async (text) => {
    fs.writeFileSync(at('index.json'), text);
    for (const work of [() => index.list(), () => index.tag(['a'], descriptorOf('x')), () => index.untag('a')])
      await expect(work()).rejects.toMatchObject({ diagnostics: [{ code: 'StoreNotWritable' }] });
    expect(fs.readFileSync(at('index.json'), 'utf8')).toBe(text);
    expect(fs.readdirSync(folder).filter((f) => f.includes('lock'))).toEqual([]);
  });
});

describe('the lock', () => {
  test('lets one in at a time', async () => {
    let inside = 0;
    let most = 0;
    const enter = () =>
      withLock(at('lock'), async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inside--;
      });
    await Promise.all(Array.from({ length: 20 }, enter));
    expect([most, inside, fs.existsSync(at('lock'))]).toEqual([1, 0, false]);
  });

  test.each<[string, () => void]>([
    ['of a process that died', () => fs.writeFileSync(at('lock'), DEAD())],
    [
      'that is old',
      () => {
        fs.writeFileSync(at('lock'), 'somebody elsewhere');
        fs.utimesSync(at('lock'), 1, 1);
      },
    ],
    [
      'of a clock that was ahead',
      () => {
        fs.writeFileSync(at('lock'), processName());
        fs.utimesSync(at('lock'), 4_000_000_000, 4_000_000_000);
      },
    ],
    [
      'that is a folder',
      () => {
        fs.mkdirSync(at('lock'));
        fs.utimesSync(at('lock'), 1, 1);
      },
    ],
  ])('%s is taken over', async (_what, leave) => {
    leave();
    expect(await withLock(at('lock'), async () => 'done')).toBe('done');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('that was taken away is noticed before the work counts, which begins anew', async () => {
    let attempts = 0;
    await withLock(at('lock'), async (lock) => {
      if (++attempts === 1) {
        fs.renameSync(at('lock'), at('stolen'));
        fs.writeFileSync(at('lock'), DEAD());
      }
      lock.check();
    });
    expect(attempts).toBe(2);
  });

  test('is given back when the work fails', async () => {
    await expect(withLock(at('lock'), async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(fs.existsSync(at('lock'))).toBe(false);
  });
});
