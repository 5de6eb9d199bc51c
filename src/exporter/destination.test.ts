import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BuildError } from '../diagnostic/build-error.js';
import type { BuildEvent } from '../progress/event.js';
import { exportInput, helloImage, memoryContent, sink } from '../test/hello-image.js';
import { removeTree } from '../util/atomic-write.js';
import { checkDestination, type Destination, EXPORTERS } from './exporter.js';

let dir: string;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'dest-'));
});

afterEach(() => removeTree(dir));

const at = (...parts: string[]) => path.join(dir, ...parts);
const toFile = (name: string): Destination => ({ kind: 'file', path: at(name) });
const write = (to: Destination) => EXPORTERS.docker.export(exportInput(), to);
const SIZE = 10752;

async function diagnosticOf(work: Promise<unknown>) {
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BuildError);
  return (error as BuildError).diagnostics[0]!;
}

describe('a file', () => {
  test('is written, replaced, and keeps its permissions; a symlink to it stays', async () => {
    await write(toFile('image.tar'));
    expect(fs.statSync(at('image.tar')).size).toBe(SIZE);
    fs.writeFileSync(at('image.tar'), 'old');
    fs.chmodSync(at('image.tar'), 0o600);
    fs.symlinkSync('image.tar', at('link'));
    await write(toFile('link'));
    expect(fs.lstatSync(at('link')).isSymbolicLink()).toBe(true);
    expect(fs.statSync(at('image.tar'))).toMatchObject({ size: SIZE });
    expect(fs.statSync(at('image.tar')).mode & 0o777).toBe(0o600);
    fs.symlinkSync('new.tar', at('dangling'));
    await write(toFile('dangling'));
    expect(fs.readdirSync(dir).sort()).toEqual(['dangling', 'image.tar', 'link', 'new.tar']);
  });

  test('stays as it was when a blob is missing', async () => {
    fs.writeFileSync(at('image.tar'), 'old');
    const input = exportInput({ content: memoryContent() });
    await expect(EXPORTERS.docker.export(input, toFile('image.tar'))).rejects.toThrow('no blob');
    expect(fs.readFileSync(at('image.tar'), 'utf8')).toBe('old');
    expect(fs.readdirSync(dir)).toEqual(['image.tar']);
  });

  test('that is a device or a pipe is written to, and not replaced', async () => {
    await write({ kind: 'file', path: '/dev/null' });
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
    execFileSync('mkfifo', [at('pipe')]);
    const read = fs.promises.readFile(at('pipe'));
    await write(toFile('pipe'));
    expect((await read).length).toBe(SIZE);
    expect(fs.lstatSync(at('pipe')).isFIFO()).toBe(true);
  });

  test.each([
    ['a folder', () => fs.mkdirSync(at('x')), 'x', 'is a directory', /^name a file in it, for example .*image\.tar$/],
    ['in no folder', () => undefined, 'no/x', 'no such file or directory', /^create the folder first: mkdir -p .*no$/],
    ['below a file', () => fs.writeFileSync(at('f'), ''), 'f/x', 'not a directory', /has that name already/],
    ['a circle of links', () => fs.symlinkSync('x', at('x')), 'x', 'too many levels of symbolic links', /choose/],
  ])('that is %s is refused before anything is written', async (_what, prepare, name, why, hint) => {
    prepare();
    const to = toFile(name);
    const expected = { code: 'OutputNotWritable', message: `cannot write ${at(name)}: ${why}` };
    const early = await diagnosticOf(checkDestination(to));
    expect(early).toMatchObject(expected);
    expect(early.hint).toMatch(hint);
    expect(await diagnosticOf(write(to))).toMatchObject(expected);
  });

  test('is checked, and found good, without being made', async () => {
    await checkDestination(toFile('image.tar'));
    await checkDestination({ kind: 'folder', path: at('a', 'b') });
    await checkDestination(sink().to);
    await checkDestination({ kind: 'none' });
    expect(fs.readdirSync(dir)).toEqual([]);
  });
});

describe('a stream', () => {
  test('that is slow gets everything, and no more than one chunk waits in it', async () => {
    let most = 0;
    let size = 0;
    const stream = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        most = Math.max(most, this.writableLength);
        size += chunk.length;
        setTimeout(done, 2);
      },
    });
    const layer = Buffer.alloc(4_000_000);
    const content = {
      async *read() {
        for (let i = 0; i < layer.length; i += 100_000) yield layer.subarray(i, i + 100_000);
      },
    };
    const image = helloImage();
    const [first] = image.layers;
    const descriptor = { ...first!.descriptor, size: layer.length };
    const big = { ...image, layers: [{ ...first!, descriptor }] };
    await EXPORTERS.oci.export(exportInput({ target: big, content }), { kind: 'stream', stream });
    expect(size).toBeGreaterThan(layer.length);
    expect(most).toBeLessThanOrEqual(300_000);
    expect(stream.listenerCount('error')).toBe(0);
  });

  test('whose reader has gone is an error in words', async () => {
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const diagnostic = await diagnosticOf(write({ kind: 'stream', stream }));
    expect(diagnostic).toMatchObject({
      code: 'OutputNotWritable',
      message: 'cannot write standard output: the reader closed the pipe',
    });
    await new Promise((resolve) => setImmediate(resolve)); // the event comes later, and must not end the program
  });

  test('that is closed already is one as well', async () => {
    const stream = new PassThrough();
    stream.destroy();
    expect(await diagnosticOf(write({ kind: 'stream', stream }))).toMatchObject({ code: 'OutputNotWritable' });
  });
});

test('an export is a step of the build, done or failed', async () => {
  const events: BuildEvent[] = [];
  const emit = (event: BuildEvent) => events.push(event);
  await EXPORTERS.oci.export(exportInput({ emit }), toFile('a.tar'));
  const id = `export oci image format ${at('a.tar')}`;
  expect(events).toEqual([
    { type: 'step-started', id, name: `exporting to oci image format: ${at('a.tar')}` },
    { type: 'step-done', id },
  ]);
  await EXPORTERS.tar.export(exportInput({ emit }), toFile('no/a.tar')).catch(() => undefined);
  expect(events.at(-1)).toMatchObject({ type: 'step-failed', message: expect.stringContaining('no such file') });
});

test('cacheonly writes nothing', async () => {
  await EXPORTERS.cacheonly.export();
  expect(fs.readdirSync(dir)).toEqual([]);
});
