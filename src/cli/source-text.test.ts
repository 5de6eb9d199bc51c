import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readSource, recordInput, type SourceOptions } from './source-text.js';

let dir = '';

beforeEach(() => {
  dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'wbuild-source-')));
  for (const folder of ['ctx', 'other', 'named']) mkdirSync(path.join(dir, folder));
  writeFileSync(path.join(dir, 'ctx/Dockerfile'), 'of the context\n');
  writeFileSync(path.join(dir, 'ctx/.dockerignore'), 'ignored\n');
  writeFileSync(path.join(dir, 'other/My.Dockerfile'), 'of -f\n');
  writeFileSync(path.join(dir, 'other/My.Dockerfile.dockerignore'), 'ignored by -f\n');
  writeFileSync(path.join(dir, 'named/.dockerignore'), 'of the named context\n');
  writeFileSync(path.join(dir, 'secret'), 'secret\n');
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

function read(file: string, options: Partial<SourceOptions> = {}): string | undefined {
  return readSource(file, { context: path.join(dir, 'ctx'), ...options })?.join('\n');
}

describe('readSource', () => {
  test('the Dockerfile of the context, by its name or its path', () => {
    expect(read('Dockerfile')).toBe('of the context\n');
    expect(read(path.join(dir, 'ctx/Dockerfile'))).toBe('of the context\n');
    expect(read('.dockerignore')).toBe('ignored\n');
  });

  test('the file of -f, wherever it lies, and its ignore file', () => {
    const file = path.join(dir, 'other/My.Dockerfile');
    expect(read(file, { file })).toBe('of -f\n');
    expect(read('My.Dockerfile', { file })).toBe('of -f\n');
    expect(read(`${file}.dockerignore`, { file })).toBe('ignored by -f\n');
    expect(read('.dockerignore', { file })).toBe('ignored\n');
  });

  test('a file of a named context', () => {
    const named = path.join(dir, 'named');
    expect(read(path.join(named, '.dockerignore'), { buildContexts: { a: 'oci-layout://x', b: named } })).toBe(
      'of the named context\n',
    );
  });

  test('nothing outside the contexts, not even through a symlink', () => {
    expect(read('../secret')).toBeUndefined();
    expect(read(path.join(dir, 'secret'))).toBeUndefined();
    rmSync(path.join(dir, 'ctx/Dockerfile'));
    symlinkSync('../secret', path.join(dir, 'ctx/Dockerfile'));
    expect(read('Dockerfile')).toBeUndefined();
  });

  test('nothing that is not there, and no folder', () => {
    expect(read('missing')).toBeUndefined();
    expect(read('.')).toBeUndefined();
    expect(read('Dockerfile', { context: path.join(dir, 'missing') })).toBeUndefined();
  });

  test('a Dockerfile on standard input, and no archive', () => {
    const stdin = (bytes: Uint8Array) => () => bytes;
    expect(read('-', { file: '-', stdin: stdin(Buffer.from('FROM scratch')) })).toBe('FROM scratch');
    expect(read('Dockerfile', { context: '-', stdin: stdin(Buffer.from('FROM scratch')) })).toBe('FROM scratch');
    expect(read('.dockerignore', { file: '-', stdin: stdin(Buffer.from('FROM scratch')) })).toBe('ignored\n');
    expect(read('Dockerfile', { context: '-', stdin: stdin(gzipSync('FROM scratch')) })).toBeUndefined();
    const tar = Buffer.alloc(512);
    tar.write('ustar', 257);
    expect(read('Dockerfile', { context: '-', stdin: stdin(tar) })).toBeUndefined();
    expect(read('Dockerfile', { context: '-' })).toBeUndefined();
    const file = path.join(dir, 'other/My.Dockerfile'); // here as well, but what counts is in the archive
    expect(read(file, { context: '-', file, stdin: stdin(tar) })).toBeUndefined();
  });
});

describe('recordInput', () => {
  test('passes everything on and keeps it', async () => {
    const stdin = new PassThrough();
    const input = recordInput(stdin);
    stdin.write('FROM ');
    stdin.end('scratch');
    expect(String(await buffer(input.stream))).toBe('FROM scratch');
    expect(String(input.bytes())).toBe('FROM scratch');
  });

  test('keeps nothing of an input that is too large for a Dockerfile', async () => {
    const stdin = new PassThrough();
    const input = recordInput(stdin);
    stdin.end(Buffer.alloc(5 * 1024 * 1024));
    expect((await buffer(input.stream)).length).toBe(5 * 1024 * 1024);
    expect(input.bytes()).toBeUndefined();
  });

  test('closing lets go of the input', () => {
    const stdin = new PassThrough();
    const input = recordInput(stdin);
    input.close();
    expect(stdin.isPaused()).toBe(true);
  });
});
