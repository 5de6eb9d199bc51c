/** What the world may do to a build while it runs, and destinations that lie awkwardly: exit 1 with the name of the file, or the right image; nothing else. */
import fs from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readEntries, readImage } from '../read-image.js';
import { listFiles, useRig } from '../rig.js';

const rig = useRig();
const GIB = 2 ** 30;

/** What a failure because of ctx/big says. */
function expectChanged(stderr: string, why: string): void {
  const { diagnostics } = JSON.parse(stderr.trimEnd().split('\n').at(-1)!);
  expect(diagnostics).toMatchObject([{ code: 'FileChanged', severity: 'error' }]);
  expect(diagnostics[0].message).toContain('big changed while the build read it');
  expect(diagnostics[0].message).toContain(why);
  expect(diagnostics[0].hint).toBeTruthy();
}

describe('a file that does not stay as it was listed is named', () => {
  test('it shrinks: nothing is written', async () => {
    rig.write({
      'ctx/Dockerfile': 'FROM scratch\nCOPY small big /\n',
      'ctx/small': 'x',
      'out.tar': 'the previous image',
    });
    rig.write({ 'ctx/big': { size: 4 * GIB } }); // long to read, no room on the disk
    const before = rig.list();
    const { seen, done } = rig.start(['--progress', 'rawjson', '-o', 'type=oci,dest=out.tar', 'ctx']);
    await seen(/"type":"step-progress".*"bytes":[1-9]/);
    fs.truncateSync(rig.path('ctx/big'), 1);
    const result = await done;
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expectChanged(result.stderr, `it had ${4 * GIB} bytes, and now`);
    expect(fs.readFileSync(rig.path('out.tar'), 'utf8')).toBe('the previous image');
    expect(rig.list()).toEqual(before);
    const kept = listFiles(rig.cacheDir).filter((name) => !name.endsWith('/'));
    expect(kept.filter((name) => /tmp|temp|part|blobs\/sha256\//i.test(name))).toEqual([]);
  });

  test('it grows: the archive on standard output is not called whole', async () => {
    rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY big /\n', 'ctx/big': { size: GIB / 16 } });
    const { child, done } = rig.start(['--progress', 'rawjson', '-o', 'type=tar,dest=-', 'ctx']);
    await new Promise((resolve) => child.stdout!.once('data', resolve));
    child.stdout!.pause(); // the pipe is full, and the file half read
    fs.appendFileSync(rig.path('ctx/big'), 'more');
    child.stdout!.resume();
    const result = await done;
    expect(result.code).toBe(1);
    expectChanged(result.stderr, `it had ${GIB / 16} bytes, and now has more`);
  });
});

describe('a destination inside of the context is no part of it', () => {
  const files = { Dockerfile: 'FROM scratch\nCOPY . /\n', a: 'x', 'sub/b': 'y' };
  const contents = ['Dockerfile', 'a', 'sub/', 'sub/b'];
  const paths = (entries: readonly { readonly path: string }[]) => entries.map((e) => e.path);

  test.each(['oci', 'docker'])('type=%s, as an archive', async (type) => {
    rig.write(files);
    for (const _ of ['first', 'again']) {
      expect(await rig.run(['-o', `type=${type},dest=sub/out.tar`, '.'])).toMatchObject({ code: 0 });
      const { layers } = await readImage(rig.path('sub/out.tar'));
      expect(paths(layers[0]!.entries)).toEqual(contents);
    }
  });

  test('type=oci, as a folder', async () => {
    rig.write(files);
    for (const _ of ['first', 'again']) {
      expect(await rig.run(['-o', 'type=oci,tar=false,dest=layout', '.'])).toMatchObject({ code: 0 });
      expect(paths((await readImage(rig.path('layout'))).layers[0]!.entries)).toEqual(contents);
    }
  });

  test('type=local and type=tar, and the store', async () => {
    rig.write(files);
    const args = ['-o', 'type=local,dest=root', '-o', 'type=tar,dest=root.tar', '--cache-dir', 'cache', '.'];
    for (const _ of ['first', 'again']) {
      expect(await rig.run(args)).toMatchObject({ code: 0 });
      expect(listFiles(rig.path('root'))).toEqual(contents);
      expect(paths(await readEntries(fs.readFileSync(rig.path('root.tar'))))).toEqual(contents);
    }
  });
});

describe('files for the result', () => {
  test.each(['--iidfile', '--metadata-file'])('%s in a folder that is missing is named', async (option) => {
    rig.write({ Dockerfile: 'FROM scratch\n' });
    const result = await rig.run([option, 'no/such/file', '-o', 'type=cacheonly', '.']);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(`error[OutputNotWritable]: ${option} "no/such/file" cannot be written`);
    expect(result.stderr).toContain('= help: its folder must exist');
    expect(rig.list()).toEqual(['Dockerfile']);
  });
});

describe('an interrupt', () => {
  test.each(['type=local,dest=out', 'type=tar,dest=out.tar', 'type=oci,tar=false,dest=out'])(
    'leaves nothing of %s',
    async (output) => {
      rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n', 'ctx/a': { size: 4 * GIB } });
      const before = rig.list();
      const { child, seen, done } = rig.start(['--progress', 'rawjson', '-o', output, 'ctx']);
      await seen(/"type":"step-progress".*"bytes":[1-9]/);
      child.kill('SIGINT');
      expect(await done).toMatchObject({ code: 130, signal: null, stdout: '' });
      expect(rig.list()).toEqual(before);
    },
    120_000,
  );
});

describe('an image that is to be kept in the store alone', () => {
  test.each([
    ['the store cannot be used', { cache: 'no folder' }, 'the cache is where the image is to be kept: '],
    ['its index is damaged', { 'cache/index.json': 'no JSON' }, 'docker.io/library/a:1 is not listed in the store: '],
  ])('fails where %s', async (_, files, message) => {
    rig.write({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: 'a', ...files });
    const args = ['-t', 'a:1', '--cache-dir', 'cache', '.'];
    const result = await rig.run(['-o', 'type=image', ...args]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain(`error[StoreNotWritable]: ${message}`);
    expect(await rig.run(['-o', 'type=oci,dest=out.tar', ...args])).toMatchObject({ code: 0 });
  });
});
