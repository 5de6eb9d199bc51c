/** `wbuild diff` and `wbuild inspect` through the built program: every form of image, the levels, exit codes, and what is damaged. */
import fs from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { recraft } from '../recraft.js';
import { useRig } from '../rig.js';

const rig = useRig();

async function ok(...args: string[]) {
  const result = await rig.run(args);
  expect({ args, code: result.code, stderr: result.stderr.slice(0, 2000) }).toMatchObject({ code: 0 });
  return result;
}

/** A small image as `a.tar`, uncompressed. */
async function image(dest = 'a.tar', ...options: string[]): Promise<Buffer> {
  rig.write({
    'src/Dockerfile': 'FROM scratch\nCOPY app /\nENTRYPOINT ["/x"]\n',
    'src/app/x': 'one\n',
    'src/app/y': 'two\n',
  });
  await ok('--platform', 'linux/amd64', '-o', `type=oci,dest=${dest},compression=uncompressed`, ...options, 'src');
  return fs.readFileSync(rig.path(dest));
}

async function diff(a: string, b: string) {
  const { code, stdout, stderr } = await rig.run(['diff', '--json', a, b]);
  expect(stderr).toBe('');
  return { code, ...JSON.parse(stdout) };
}

describe('diff', () => {
  test('finds one image in every form equal', async () => {
    const bytes = await image();
    await ok(
      '--platform',
      'linux/amd64',
      '-t',
      'app:1',
      '-o',
      'type=docker,dest=docker.tar,compression=uncompressed',
      'src',
    );
    await ok('--platform', 'linux/amd64', '-o', 'type=oci,dest=layout,tar=false,compression=uncompressed', 'src');
    fs.writeFileSync(rig.path('a.tar.gz'), gzipSync(bytes));
    for (const other of [
      'docker.tar',
      'layout',
      'layout:latest',
      'a.tar.gz',
      'app:1',
      'oci-layout://layout',
      'docker-archive:docker.tar:app:1',
    ]) {
      const found = await diff('a.tar', other);
      expect({ other, ...found }).toMatchObject({ other, identical: true, levels: { manifest: true, contents: true } });
      expect({ other, ...found }).toMatchObject({ other, code: 0, differences: [] });
    }
    const { a } = await diff('a.tar', 'layout');
    for (const digest of [a.images[0].manifest, a.images[0].config, a.images[0].manifest.slice(7, 20)])
      expect(await diff('a.tar', digest)).toMatchObject({ code: 0, b: { form: 'store' } });
  });

  test('the old form of docker save has no manifest, and is the same image', async () => {
    fs.writeFileSync(rig.path('saved.tar'), await recraft(await image(), { form: 'docker' }));
    const found = await diff('a.tar', 'saved.tar');
    expect(found).toMatchObject({
      code: 0,
      identical: true,
      agreement: 'config',
      levels: { manifest: null, config: true },
    });
    const text = await ok('diff', 'a.tar', 'saved.tar');
    expect(text.stdout).toContain('no difference; the images agree on: config (image ID)');
  });

  test('shows a text diff, and ends with 3', async () => {
    await image();
    rig.write({ 'src/app/y': 'two\nthree\n' });
    await ok('--platform', 'linux/amd64', '-o', 'type=oci,dest=b.tar,compression=uncompressed', 'src');
    const { code, stdout } = await rig.run(['diff', 'a.tar', 'b.tar']);
    expect(code).toBe(3);
    expect(stdout).toContain('FileContent: layer 1: y has 4 bytes in A, 10 in B, and differs first at byte 4');
    expect(stdout).toContain('\n    +three\n');
    expect(stdout).toContain('the images have nothing in common');
  });

  test('pairs the images of several platforms, and leaves attestations out', async () => {
    const a = await image();
    const named = (descriptor: object) => ({
      ...descriptor,
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    });
    fs.writeFileSync(rig.path('attested.tar'), await recraft(a, { named }));
    await ok(
      '--platform',
      'linux/amd64',
      '-o',
      'type=oci,dest=multi,tar=false,compression=uncompressed',
      '-t',
      'app:amd',
      'src',
    );
    await ok(
      '--platform',
      'linux/arm64',
      '-o',
      'type=oci,dest=multi,tar=false,compression=uncompressed',
      '-t',
      'app:arm',
      'src',
    );
    expect(await diff('a.tar', 'multi:amd')).toMatchObject({ code: 0 });
    const found = await diff('a.tar', 'multi');
    expect(found).toMatchObject({ code: 3, identical: false });
    expect(found.causes.map((c: { message: string }) => c.message)).toEqual(['the image for linux/arm64 is only in B']);
    const { stdout } = await rig.run(['diff', 'a.tar', 'attested.tar']);
    expect(stdout).toContain('1 attestation left out');
  });

  test('says which side cannot be read, and why', async () => {
    const bytes = await image();
    fs.writeFileSync(rig.path('torn.tar'), bytes.subarray(0, bytes.length - 6000));
    const flipped = Buffer.from(bytes);
    flipped[bytes.indexOf('one\n')]! ^= 1;
    fs.writeFileSync(rig.path('flipped.tar'), flipped);
    fs.writeFileSync(rig.path('cut.tar'), await recraft(bytes, { tar: (tar) => tar.subarray(0, 700) }));
    rig.write({ 'text.tar': 'no archive\n', 'folder/a': '' });
    const cases: readonly (readonly [string, RegExp])[] = [
      ['none.tar', /error\[ImageNotFound\]: there is no image "none.tar"/],
      ['folder', /there is no image "folder"/],
      ['text.tar', /error\[InvalidImage\]: text.tar is no image/],
      ['torn.tar', /torn.tar is no image/],
      ['flipped.tar', /flipped.tar is damaged/],
      ['cut.tar', /error\[InvalidImage\]: the layer sha256:[0-9a-f]{64} is damaged/],
      ['a.tar:nope', /a.tar:nope has no image :nope/],
    ];
    for (const [name, message] of cases) {
      const { code, stderr, stdout } = await rig.run(['inspect', name]);
      expect({ name, code, stdout, stderr }).toMatchObject({ name, code: 1, stdout: '' });
      expect(stderr).toMatch(message);
    }
    expect((await rig.run(['diff', 'a.tar'])).code).toBe(2);
    expect(rig.list().filter((name) => name.includes('wbuild'))).toEqual([]);
  });
});

describe('inspect', () => {
  test('shows what a person wants to see before shipping', async () => {
    rig.copy('hello-wasi');
    await ok('--platform', 'wasi/wasm', '-t', 'hello:1', '-o', 'type=oci,dest=a.tar,compression=uncompressed', '.');
    const { stdout } = await ok('inspect', 'a.tar');
    for (const line of [
      'platform      wasi/wasm',
      'created       1970-01-01T00:00:00Z',
      'entry point   ["SampleApp.wasm"]',
      'runs          /SampleApp.wasm (a WebAssembly module, 265B)',
      '  0644   0:0     265B   SampleApp.wasm (wasm module)',
      '    imports   wasi_snapshot_preview1.fd_write (func), wasi_snapshot_preview1.proc_exit (func)',
      '    exports   memory (memory), _start (func)',
    ])
      expect(stdout.split('\n')).toContain(line);
    const { images } = JSON.parse((await ok('inspect', '--json', 'hello:1')).stdout);
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({
      platform: { os: 'wasi', architecture: 'wasm' },
      entrypoint: ['SampleApp.wasm'],
      form: 'store',
    });
    expect(images[0].layers[0].files[0]).toMatchObject({
      path: 'SampleApp.wasm',
      mode: '0644',
      size: 265,
      wasm: { kind: 'module' },
    });
  });
});
