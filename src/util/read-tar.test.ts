import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readAll, readTar, type TarEntry } from './read-tar.js';
import { encodeText } from './text.js';

let dir: string;
beforeAll(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'read-tar-'));
  fs.mkdirSync(path.join(dir, 'in/d'), { recursive: true });
  fs.writeFileSync(path.join(dir, 'in/d/file'), 'content', { mode: 0o640 });
  fs.linkSync(path.join(dir, 'in/d/file'), path.join(dir, 'in/d/hard'));
  fs.symlinkSync('d/file', path.join(dir, 'in/link'));
  fs.writeFileSync(path.join(dir, 'in', 'ü'.repeat(80)), 'long');
  fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/in/`), Buffer.of(0xff, 0x61)]), 'bytes');
  execFileSync('find', [`${dir}/in`, '-exec', 'touch', '-h', '-d', '@1.75', '{}', '+']);
});
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

const tar = (...args: string[]) =>
  execFileSync('tar', ['--sort=name', '--owner=7', '--group=8', '-C', `${dir}/in`, '-c', ...args, '.']);

async function list(bytes: Uint8Array, chunk = 1000): Promise<(Omit<TarEntry, 'content'> & { text: string })[]> {
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) =>
    bytes.subarray(i * chunk, (i + 1) * chunk),
  );
  const out = [];
  for await (const { content, ...entry } of readTar(chunks))
    out.push({ ...entry, text: String(await readAll(content)) });
  return out;
}

describe.each(['gnu', 'posix'])('an archive in the %s format', (format) => {
  test('gives its entries, plain or gzip, in chunks of any size', async () => {
    const bytes = tar(`--format=${format}`);
    const entries = await list(bytes);
    const file = entries.find((e) => e.path === './d/file');
    expect(file).toMatchObject({ type: 'file', mode: 0o640, uid: 7, gid: 8, mtime: 1, size: 7, text: 'content' });
    expect(entries.find((e) => e.path === './d/hard')).toMatchObject({ type: 'link', linkname: './d/file' });
    expect(entries.find((e) => e.path === './link')).toMatchObject({ type: 'symlink', linkname: 'd/file', mtime: 1 });
    expect(entries.find((e) => e.text === 'long')?.path).toBe(`./${'ü'.repeat(80)}`);
    expect(entries.find((e) => e.path === './d/')).toMatchObject({ type: 'directory' });
    expect(await list(bytes, 1)).toEqual(entries);
    expect(await list(gzipSync(bytes), 1)).toEqual(entries);
  });
});

test('a name that is not UTF-8 keeps its bytes', async () => {
  const entries = await list(tar('--format=gnu'));
  expect(encodeText(entries.find((e) => e.text === 'bytes')!.path)).toEqual(Buffer.from([0x2e, 0x2f, 0xff, 0x61]));
});

test('content that nobody reads is skipped, and an iteration may end early', async () => {
  const paths: string[] = [];
  for await (const entry of readTar([tar()])) paths.push(entry.path);
  expect(paths).toHaveLength(7);
  for await (const entry of readTar([tar()])) if (entry.path === './d/') break;
});

test.each([
  ['cut short in an entry', (b: Buffer) => b.subarray(0, b.lastIndexOf('content') + 100)],
  ['cut short, as gzip', (b: Buffer) => gzipSync(b).subarray(0, 100)],
  ['with a damaged header', (b: Buffer) => Buffer.concat([Buffer.from('x'), b.subarray(1)])],
  ['that is no tar', () => Buffer.from('not a tar')],
])('an archive %s is an error', async (_, damage) => {
  await expect(list(damage(tar()))).rejects.toThrow();
});

test('an error of the source comes out', async () => {
  const source = async function* () {
    yield tar().subarray(0, 600);
    throw new Error('unplugged');
  };
  await expect(
    (async () => {
      for await (const _ of readTar(source()));
    })(),
  ).rejects.toThrow('unplugged');
});
