import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import { type ContentNode, readContent, readContentSync, readPiecesSync } from './file-content.js';
import { stampOf } from './stamp.js';
import { decodeText, encodeText } from './text.js';

let dir: string;
let file: string;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'content-'));
  file = path.join(dir, 'f');
});

afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

/** A node for a file as it is now. */
function nodeOf(target = file): ContentNode {
  const state = fs.lstatSync(encodeText(target), { bigint: true });
  const stamp = stampOf(state);
  return { size: Number(state.size), content: { kind: 'file', path: target, offset: 0, label: 'ctx/f', stamp } };
}

async function readAll(node: ContentNode): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readContent(node)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The ways of reading, and the diagnostic when it fails. */
const readers = [
  ['chunks', readAll],
  ['at once', async (node: ContentNode) => readContentSync(node)],
  [
    'pieces',
    async (node: ContentNode) => Buffer.concat(Array.from(readPiecesSync(node), (piece) => Buffer.from(piece))),
  ],
] as const;

describe.each(readers)('read in %s', (_name, read) => {
  const failure = async (node: ContentNode) => {
    const error = await read(node).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BuildError);
    return (error as BuildError).diagnostics[0]!;
  };

  test('a file is its bytes, however many', async () => {
    for (const size of [0, 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000]) {
      fs.writeFileSync(file, Buffer.alloc(size, 'abcdefg'));
      expect((await read(nodeOf())).equals(Buffer.alloc(size, 'abcdefg'))).toBe(true);
    }
  });

  test('a range of a spooled file is that range', async () => {
    fs.writeFileSync(file, '0123456789');
    const content = { kind: 'file', path: file, offset: 3, label: 'x' } as const;
    expect(String(await read({ size: 4, content }))).toBe('3456');
    expect(await failure({ size: 8, content })).toMatchObject({ code: 'FileChanged' });
  });

  test('bytes in memory are themselves', async () => {
    expect(String(await read({ size: 2, content: { kind: 'bytes', bytes: Buffer.from('hi') } }))).toBe('hi');
  });

  test('a name that is no UTF-8 is found', async () => {
    const name = Buffer.concat([Buffer.from(`${dir}/`), Buffer.of(0xe9, 0x41)]);
    fs.writeFileSync(name, 'latin');
    expect(String(await read(nodeOf(decodeText(name))))).toBe('latin');
  });

  test.each([
    ['appended to', () => fs.appendFileSync(file, '!'), 'it had 5 bytes, and now has 6'],
    ['cut', () => fs.truncateSync(file, 2), 'it had 5 bytes, and now has 2'],
    ['written again', () => fs.writeFileSync(file, 'HELLO'), 'it was written to'],
    ['given another mode', () => fs.chmodSync(file, 0o600), 'its metadata changed'],
    ['replaced', () => replace(), 'another file has taken its place'],
    ['replaced by a symlink', () => link(), 'it is a symbolic link now'],
  ])('a file that was %s is refused', async (_how, change, why) => {
    fs.writeFileSync(file, 'hello');
    const node = nodeOf();
    await new Promise((resolve) => setTimeout(resolve, 15)); // the clock of the file system is coarse
    change();
    const diagnostic = await failure(node);
    expect(diagnostic.code).toBe('FileChanged');
    expect(diagnostic.message).toBe(`ctx/f changed while the build read it: ${why}`);
  });

  test('a file that is gone cannot be read, and the message has its label', async () => {
    fs.writeFileSync(file, 'hello');
    const node = nodeOf();
    fs.rmSync(file);
    const diagnostic = await failure(node);
    expect(diagnostic).toMatchObject({
      code: 'FileNotReadable',
      message: 'cannot read ctx/f: no such file or directory',
    });
  });
});

test('a change while it is read is found at the end', async () => {
  fs.writeFileSync(file, Buffer.alloc(3_000_000));
  const chunks = readContent(nodeOf());
  await chunks.next();
  fs.appendFileSync(file, '!');
  await expect(async () => {
    for await (const _ of chunks);
  }).rejects.toMatchObject({ diagnostics: [{ code: 'FileChanged' }] });
});

function replace(): void {
  fs.writeFileSync(`${file}2`, 'hello');
  fs.renameSync(`${file}2`, file);
}

function link(): void {
  fs.renameSync(file, `${file}2`);
  fs.symlinkSync('f2', file);
}
