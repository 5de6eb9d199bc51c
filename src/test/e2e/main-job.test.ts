/** The main job: a Dockerfile in, an image out; and every way in which a user can make it fail. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { digestOf, readEntries, readImage } from '../read-image.js';
import { listFiles, type RunResult, useRig } from '../rig.js';
import { runWasi } from '../run-wasi.js';

const GREETING = 'Hello from a WASI module in an image that wbuild made!\n';
const NAME = 'moimhossain/dotnet-wasi-helloworld:alpha';
const rig = useRig();

/** The command line of the issue. */
const mainJob = ['-f', 'Dockerfile', '--platform', 'wasi/wasm', '-t', NAME, '.'];
const build = (output: string) => ['build', '--platform', 'wasi/wasm', '-o', output, '.'];

/** Noise, so that no compression makes it small. The generator is xorshift32. */
function noise(bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let x = 2_463_534_242;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return Buffer.from(words.buffer, 0, bytes);
}

/** What every failure owes its user: exit 1, a diagnostic, no stack trace, and nothing on standard output. */
function expectFailure(result: RunResult, ...says: (string | RegExp)[]): void {
  expect(result).toMatchObject({ code: 1, signal: null, stdout: '' });
  expect(result.stderr).toMatch(/^error\[[A-Z]\w+\]: \S/m);
  expect(result.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  for (const text of says) expect(result.stderr).toMatch(text);
}

/** No file of the store is temporary or damaged. */
function expectWholeStore(): void {
  for (const name of listFiles(rig.cacheDir).filter((file) => !file.endsWith('/'))) {
    expect(name).not.toMatch(/tmp|temp|part/i);
    const blob = /blobs\/sha256\/([0-9a-f]{64})$/.exec(name);
    if (blob) expect(digestOf(fs.readFileSync(`${rig.cacheDir}/${name}`))).toBe(`sha256:${blob[1]}`);
  }
}

describe('the main job', () => {
  test('writes image.tar, which holds the module, and says how to load it', async () => {
    rig.copy('hello-wasi');
    const before = rig.list();
    const result = await rig.run(mainJob);
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr.trimEnd().split('\n').at(-1)).toContain('docker load -i image.tar');
    expect(rig.list()).toEqual([...before, 'image.tar'].sort());

    const image = await readImage(rig.path('image.tar'));
    expect(image.dockerManifest).toEqual([expect.objectContaining({ RepoTags: [NAME] })]);
    expect(image.config).toMatchObject({ os: 'wasi', architecture: 'wasm', created: '1970-01-01T00:00:00Z' });
    expect(image.config.config.Entrypoint).toEqual(['SampleApp.wasm']);
    expect(image.layers.map((layer) => layer.entries.map((e) => e.path))).toEqual([['SampleApp.wasm']]);
    expect(image.layers[0]!.entries[0]).toMatchObject({ type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0 });
    expect(runWasi(image.layers[0]!.entries[0]!.bytes)).toBe(GREETING);
    expectWholeStore();
  });

  test('gives the same bytes again, from the store, without one, in another folder, at another time', async () => {
    rig.copy('hello-wasi');
    rig.copy('hello-wasi', 'elsewhere');
    const module = 'SampleApp/bin/debug/net7.0/SampleApp.wasm';
    fs.utimesSync(rig.path('elsewhere', module), 1, 2_000_000_000);
    await rig.run(mainJob);
    const first = fs.readFileSync(rig.path('image.tar'));
    await rig.run(mainJob); // now image.tar is in the context, and must not matter
    expect(fs.readFileSync(rig.path('image.tar')).equals(first)).toBe(true);
    const env = { TZ: 'Asia/Tokyo', LC_ALL: 'tr_TR.UTF-8', XDG_CACHE_HOME: rig.path('other-cache') };
    expect(await rig.run(mainJob, { cwd: 'elsewhere', env })).toMatchObject({ code: 0 });
    expect(fs.readFileSync(rig.path('elsewhere/image.tar')).equals(first)).toBe(true);
  });

  test('is the image that BuildKit makes', async () => {
    rig.copy('hello-wasi');
    expect(await rig.run(build('type=oci,dest=out.tar,compression=uncompressed'))).toMatchObject({ code: 0 });
    const image = await readImage(rig.path('out.tar'));
    // recorded with `docker buildx build --platform wasi/wasm --output type=oci,rewrite-timestamp=true,compression=uncompressed`
    expect(image.index.manifests[0]!.digest).toBe(
      'sha256:5b8091e7aa8436e55838839cf0feb3a4c9e8cd3de7c9c29606082e10f11e8fbd',
    );
    expect(image.manifest.config.digest).toBe(
      'sha256:e3bb285812d5250abb06e86f531f1568c315adb135bdc6ec12ae7bb20de2143b',
    );
  });

  test('prints the image ID alone under -q', async () => {
    rig.copy('hello-wasi');
    const result = await rig.run(['-q', ...mainJob]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const image = await readImage(rig.path('image.tar'));
    expect([image.manifest.config.digest, image.index.manifests[0]!.digest]).toContain(result.stdout.trimEnd());
    expect(result.stdout.endsWith('\n')).toBe(true);
  });

  test('puts the root filesystem into a folder, and a tar on standard output', async () => {
    rig.copy('hello-wasi');
    expect(await rig.run(build('type=local,dest=root'))).toMatchObject({ code: 0, stdout: '' });
    expect(listFiles(rig.path('root'))).toEqual(['SampleApp.wasm']);
    expect(runWasi(fs.readFileSync(rig.path('root/SampleApp.wasm')))).toBe(GREETING);
    const piped = await rig.run(build('type=tar,dest=-'));
    expect(piped).toMatchObject({ code: 0 });
    expect((await readEntries(piped.bytes)).map((e) => e.path)).toEqual(['SampleApp.wasm']);
  });

  test('takes the context as a tar on standard input', async () => {
    rig.copy('hello-wasi');
    await rig.run(build('type=oci,dest=from-folder.tar'));
    for (const flags of ['-c', '-cz']) {
      const { stdout: input } = spawnSync('tar', [flags, '-C', rig.dir, 'Dockerfile', 'SampleApp']);
      const args = ['--platform', 'wasi/wasm', '-o', 'type=oci,dest=from-tar.tar', '-'];
      expect(await rig.run(args, { input })).toMatchObject({ code: 0 });
      expect(fs.readFileSync(rig.path('from-tar.tar'))).toEqual(fs.readFileSync(rig.path('from-folder.tar')));
    }
  });
});

describe('a source with another case on disk', () => {
  test('is underlined, with the name that was meant', async () => {
    rig.copy('hello-wasi');
    fs.renameSync(rig.path('SampleApp/bin/debug'), rig.path('SampleApp/bin/Debug'));
    const before = rig.list();
    const result = await rig.run(mainJob);
    const source = './SampleApp/bin/debug/net7.0/SampleApp.wasm';
    expectFailure(
      result,
      'SourceNotFound',
      'Dockerfile:2:6',
      /did you mean .*SampleApp\/bin\/Debug\/net7\.0\/SampleApp\.wasm/i,
    );
    const lines = result.stderr.split('\n');
    const code = lines.findIndex((line) => line.includes(`| COPY ${source} /SampleApp.wasm`));
    expect(lines[code + 1]!.indexOf('^')).toBe(lines[code]!.indexOf(source));
    expect(lines[code + 1]!.trim()).toBe(`| ${' '.repeat('COPY '.length)}${'^'.repeat(source.length)}`);
    expect(rig.list()).toEqual(before);
  });
});

describe('bad input is a clear error, exit 1, and nothing written', () => {
  test.each([
    ['a missing Dockerfile', { 'app.wasm': 'x' }, ['.'], /Dockerfile/],
    ['a missing file of -f', { Dockerfile: 'FROM scratch\n' }, ['-f', 'Missingfile', '.'], /Missingfile/],
    ['a missing context', { Dockerfile: 'FROM scratch\n' }, ['-f', 'Dockerfile', 'no-such-folder'], /no-such-folder/],
    ['a context that is a file', { Dockerfile: 'FROM scratch\n', file: 'x' }, ['-f', 'Dockerfile', 'file'], /"?file"?/],
    ['a Dockerfile that is a folder', { 'Dockerfile/x': 'x' }, ['.'], /Dockerfile/],
    ['an empty Dockerfile', { Dockerfile: '' }, ['.'], /Dockerfile/],
    ['a damaged tar as context', { Dockerfile: 'FROM scratch\n' }, ['-'], /tar|standard input/i],
  ])('%s', async (_, files, args, says) => {
    rig.write(files);
    const before = rig.list();
    expectFailure(await rig.run(args, { input: 'this is no tar'.repeat(100) }), says);
    expect(rig.list()).toEqual(before);
  });

  test('a file that cannot be read is named', async () => {
    rig.write({ Dockerfile: 'FROM scratch\nCOPY dir /\n', 'dir/secret.key': { content: 'x', mode: 0 } });
    const before = rig.list();
    const result = await rig.run(['.'], { unprivileged: true });
    expectFailure(result, 'FileNotReadable', 'dir/secret.key', 'permission denied');
    expect(rig.list()).toEqual(before);
  });

  test('a folder that cannot be read is named', async () => {
    rig.write({ Dockerfile: 'FROM scratch\nCOPY dir /\n', 'dir/locked': { dir: true, mode: 0 } });
    expectFailure(await rig.run(['.'], { unprivileged: true }), 'FileNotReadable', 'dir/locked', 'permission denied');
  });

  test.each(['oci', 'docker', 'tar'])('a destination of type=%s that is a folder', async (type) => {
    rig.write({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: 'x', 'dest/precious': 'x' });
    const before = rig.list();
    expectFailure(await rig.run(['-o', `type=${type},dest=dest`, '.']), 'OutputNotWritable', 'dest');
    expect(rig.list()).toEqual(before);
  });

  test('a destination in a folder that nobody may write to', async () => {
    rig.write({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: 'x', closed: { dir: true, mode: 0o555 } });
    const before = rig.list();
    const result = await rig.run(['-o', 'type=oci,dest=closed/out.tar', '.'], { unprivileged: true });
    expectFailure(result, 'OutputNotWritable', 'closed');
    expect(rig.list()).toEqual(before);
  });

  test('a pipe that its reader closes', async () => {
    rig.write({ Dockerfile: 'FROM scratch\nCOPY a /\n', a: noise(4_000_000) });
    const { child, done } = rig.start(build('type=oci,dest=-,compression=uncompressed'));
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { code, signal, stderr } = await done;
    expectFailure({ code, signal, stderr, stdout: '', bytes: Buffer.alloc(0) }, 'OutputNotWritable', 'closed the pipe');
    expectWholeStore();
  });

  test('a disk that is full', async () => {
    const disk = rig.path('disk');
    fs.mkdirSync(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status !== 0) {
      if (process.env.CI === 'true') throw new Error('CI must be able to mount a tmpfs, for the test of a full disk');
      console.warn('not checked: a full disk (this needs the right to mount a tmpfs)');
      return;
    }
    try {
      rig.write({
        'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n',
        'ctx/a': noise(4_000_000),
        'disk/out.tar': 'precious',
      });
      const dest = { oci: 'out.tar', docker: 'out.tar', tar: 'out.tar', local: 'root' };
      for (const [type, name] of Object.entries(dest)) {
        const result = await rig.run(['-o', `type=${type},dest=disk/${name}`, 'ctx']);
        expectFailure(result, 'OutputNotWritable', 'no space left');
        expect(fs.readFileSync(`${disk}/out.tar`, 'utf8')).toBe('precious');
        if (type !== 'local') expect(fs.readdirSync(disk)).toEqual(['out.tar']);
        fs.rmSync(`${disk}/root`, { recursive: true, force: true });
      }
      const store = await rig.run(['-o', 'type=oci,dest=out.tar', '--cache-dir', 'disk/cache', 'ctx']);
      if (store.code !== 0) expectFailure(store, 'StoreNotWritable', 'no space left');
    } finally {
      spawnSync('umount', [disk]);
    }
  });
});

describe('an interrupt', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s ends the build with %d and takes its temporary files along', async (signal, code) => {
    rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n', 'ctx/a': 'small', 'image.tar': 'the previous image' });
    rig.write({ 'ctx/a': { size: 2 ** 32 } }); // long to compress, no room on the disk
    const before = rig.list();
    const { child, seen, done } = rig.start(['--progress', 'plain', 'ctx']);
    await seen(/COPY a/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill(signal);
    const result = await done;
    expect(result).toMatchObject({ code, signal: null, stdout: '' });
    expect(result.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
    expect(rig.list()).toEqual(before);
    expect(fs.readFileSync(rig.path('image.tar'), 'utf8')).toBe('the previous image');
    expectWholeStore();
  });
});
