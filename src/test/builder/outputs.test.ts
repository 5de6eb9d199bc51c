/** Every output of a build on a builder is that of a local build, and so are names, labels, platforms and named contexts. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readEntries, readImage } from '../read-image.js';
import { listFiles, ROOT, useRig } from '../rig.js';
import { type Daemon, startDaemon } from './daemon.js';

const { PEERS_REGISTRY } = process.env;
const rig = useRig();
let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon();
}, 60_000);
afterAll(() => daemon?.close(), 60_000);

const FILES = {
  'ctx/Dockerfile':
    'FROM scratch\nCOPY . /srv/\nCOPY --from=more --link x /x\nCOPY <<EOF /etc/motd\nhello\nEOF\nENTRYPOINT ["/srv/run"]\n',
  'ctx/.dockerignore': 'Dockerfile\n.dockerignore\n**/*.log\n',
  'ctx/run': { content: '#!/bin/sh\n', mode: 0o4755 },
  'ctx/link': { symlink: 'run' },
  'ctx/same': { hardlink: 'ctx/run' },
  'ctx/empty': { dir: true, mode: 0o1777 },
  'ctx/ünïcode/名前 ,+%.txt': 'x',
  'ctx/noise.log': 'x',
  'more/x/y': 'y',
} as const;

const common = [
  '--platform',
  'wasi/wasm',
  '--build-context',
  'more=more',
  '-t',
  'registry.example/app:1',
  '--label',
  'a=b',
];

async function both(args: readonly string[], out: (place: string) => string): Promise<void> {
  rig.write(FILES);
  const builder = ['--builder', `unix://${daemon.socket}`];
  for (const [place, more] of [
    ['here', []],
    ['there', builder],
  ] as const) {
    const run = await rig.run([...more, ...common, ...args, '-o', out(place), 'ctx']);
    expect(run).toMatchObject({ code: 0 });
  }
}

describe('the same bytes', () => {
  test.each([
    ['type=oci,compression=uncompressed'],
    ['type=docker,compression=uncompressed'],
    ['type=docker,compression=uncompressed,oci-mediatypes=false'],
    ['type=oci,compression=uncompressed,annotation.k=v'],
    ['type=tar'],
  ])('%s', async (output) => {
    await both([], (place) => `${output},dest=${place}`);
    expect(fs.readFileSync(rig.path('there')).equals(fs.readFileSync(rig.path('here')))).toBe(true);
  });

  test('of an image for several platforms', async () => {
    const output = 'type=oci,compression=uncompressed';
    await both(['--platform', 'linux/amd64,linux/arm64', '--annotation', 'index:a=b'], (p) => `${output},dest=${p}`);
    expect(fs.readFileSync(rig.path('there')).equals(fs.readFileSync(rig.path('here')))).toBe(true);
  });

  test('of attestations', async () => {
    const attest = ['--attest', 'type=provenance', '--attest', 'type=sbom', '--platform', 'linux/amd64'];
    await both(attest, (place) => `type=oci,compression=uncompressed,dest=${place}`);
    expect(fs.readFileSync(rig.path('there')).equals(fs.readFileSync(rig.path('here')))).toBe(true);
  });

  test('with another epoch, and older files', async () => {
    rig.write(FILES);
    fs.utimesSync(rig.path('ctx/run'), 1000, 1000);
    const run = (out: string, ...more: string[]) =>
      rig.run([...more, ...common, '-o', `type=oci,dest=${out},compression=uncompressed`, 'ctx'], {
        env: { SOURCE_DATE_EPOCH: '1600000000' },
      });
    const builder = ['--builder', `unix://${daemon.socket}`];
    await run('first', ...builder);
    fs.utimesSync(rig.path('ctx/run'), 2000, 2000); // content and size as before: the daemon's cache would give the old time
    await run('there', ...builder);
    await run('here');
    expect(fs.readFileSync(rig.path('there')).equals(fs.readFileSync(rig.path('here')))).toBe(true);
    expect(fs.readFileSync(rig.path('first')).equals(fs.readFileSync(rig.path('here')))).toBe(false);
  });

  test('after a change that neither size nor time tell', async () => {
    rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n', 'ctx/a': 'old' });
    const build = (...args: string[]) => rig.run([...args, '-o', 'type=tar,dest=out', 'ctx']);
    await build('--builder', `unix://${daemon.socket}`);
    rig.write({ 'ctx/a': 'new' }); // the same mtime
    await build('--builder', `unix://${daemon.socket}`);
    const entries = await readEntries(fs.readFileSync(rig.path('out')));
    expect(entries.map(({ path: name, bytes }) => [name, bytes.toString()])).toEqual([['a', 'new']]);
  });
});

test('a folder, and a layout', async () => {
  await both([], (place) => `type=local,dest=${place}`);
  const shown = (place: string) =>
    listFiles(rig.path(place)).map((name) => {
      const { mode, mtimeMs, nlink } = fs.lstatSync(rig.path(place, name));
      return { name, mode, mtimeMs, nlink };
    });
  expect(shown('there')).toEqual(shown('here'));
  await rig.run(['--builder', `unix://${daemon.socket}`, ...common, '-o', 'type=oci,tar=false,dest=layout', 'ctx']);
  expect(fs.existsSync(rig.path('layout/index.json'))).toBe(true);
});

test('an image in an OCI layout as a context, and an archive on standard input', async () => {
  rig.write({ ...FILES, 'two/Dockerfile': 'FROM scratch\nCOPY --from=base /srv /copy\n' });
  await rig.run([...common, '-o', 'type=oci,tar=false,dest=layout', 'ctx']);
  const builder = ['--builder', `unix://${daemon.socket}`];
  for (const [out, more] of [
    ['here', []],
    ['there', builder],
  ] as const) {
    const base = ['--build-context', 'base=oci-layout://layout', '-o', `type=oci,dest=${out},compression=uncompressed`];
    expect(await rig.run([...more, ...base, 'two'])).toMatchObject({ code: 0 });
  }
  expect(fs.readFileSync(rig.path('there')).equals(fs.readFileSync(rig.path('here')))).toBe(true);
  const input = spawnSync('tar', ['-C', rig.path('two'), '-cf', '-', '.']).stdout;
  const piped = ['--build-context', 'base=more', '-o', 'type=tar,dest=-', '-'];
  const [here, there] = [await rig.run(piped, { input }), await rig.run([...builder, ...piped], { input })];
  expect(there.code).not.toBeNull();
  expect(there.bytes.equals(here.bytes)).toBe(true);
});

test('a named image is in the local store, and -q says its ID', async () => {
  rig.write(FILES);
  const run = await rig.run([
    '-q',
    '--builder',
    `unix://${daemon.socket}`,
    ...common,
    '-o',
    'type=docker,dest=x.tar',
    'ctx',
  ]);
  expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/), stderr: '' });
  expect((await rig.run(['images'])).stdout).toMatch(/registry\.example\/app/);
});

test('a cache in a registry serves another daemon', async () => {
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\nCOPY a /b\n', 'ctx/a': `${Math.random()}` });
  const ref = `type=registry,ref=${PEERS_REGISTRY}/wbuild/cache:${process.pid}`;
  const build = (socket: string, ...more: string[]) =>
    rig.run(['--builder', `unix://${socket}`, '--progress', 'plain', ...more, '-o', 'type=oci,dest=out.tar', 'ctx']);
  expect(await build(daemon.socket, '--cache-to', `${ref},mode=max`)).toMatchObject({ code: 0 });
  const other = await startDaemon();
  try {
    const run = await build(other.socket, '--cache-from', ref);
    expect(run.code).toBe(0);
    expect(run.stderr.match(/CACHED/g)).toHaveLength(2);
  } finally {
    await other.close();
  }
}, 60_000);

describe('a cache in a folder', () => {
  const steps = (mark: string) => ({
    'ctx/Dockerfile': 'FROM scratch\nCOPY a /\nCOPY a /b\n',
    'ctx/a': `${mark} ${Math.random()}`,
  });
  const build = (socket: string, ...more: string[]) =>
    rig.run(['--builder', `unix://${socket}`, '--progress', 'plain', ...more, '-o', 'type=oci,dest=out.tar', 'ctx']);

  test('serves another daemon, and grows by what is new', async () => {
    rig.write(steps('folder'));
    const to = ['--cache-to', 'type=local,dest=cache,mode=max'];
    const from = ['--cache-from', 'type=local,src=cache'];
    // the first run of a job has no cache yet
    const first = await build(daemon.socket, ...to, ...from);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('CacheNotUsable') });
    const image = fs.readFileSync(rig.path('out.tar'));
    const index = () => JSON.parse(fs.readFileSync(rig.path('cache/index.json'), 'utf8'));
    expect(index().manifests).toEqual([
      expect.objectContaining({ annotations: { 'org.opencontainers.image.ref.name': 'latest' } }),
    ]);
    expect(fs.readdirSync(rig.path('cache')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    const listed = listFiles(rig.path('cache'));
    const other = await startDaemon();
    try {
      const run = await build(other.socket, ...from);
      expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(/COPY a \/\n#\d+ CACHED/) });
      // BuildKit says CACHED of the step whose layer it need not fetch; that neither was done again, its records tell
      const held = await rig.run(['builder', 'du', '--json', `unix://${other.socket}`]);
      const made = JSON.parse(held.stdout).map((record: { description: string }) => record.description.split(' ')[0]);
      expect(made.filter((word: string) => word !== 'local' && word !== 'imported')).toEqual([]);
      expect(made.filter((word: string) => word === 'imported')).toHaveLength(2);
      expect(fs.readFileSync(rig.path('out.tar')).equals(image)).toBe(true);
      expect(listFiles(rig.path('cache'))).toEqual(listed);
      // a damaged blob is made anew, and another tag stands beside the first
      const manifest = rig.path('cache/blobs/sha256', index().manifests[0].digest.slice(7));
      const { layers, manifests } = JSON.parse(fs.readFileSync(manifest, 'utf8')); // an index, in older BuildKits
      const [layer] = layers ?? manifests;
      const damaged = rig.path('cache/blobs/sha256', layer.digest.slice(7));
      fs.chmodSync(damaged, 0o644);
      fs.writeFileSync(damaged, Buffer.alloc(layer.size));
      const again = await build(other.socket, '--cache-to', 'type=local,dest=cache,mode=max,tag=second', ...from);
      expect(again).toMatchObject({ code: 0 });
      expect(index().manifests).toHaveLength(2);
      expect(createHash('sha256').update(fs.readFileSync(damaged)).digest('hex')).toBe(layer.digest.slice(7));
    } finally {
      await other.close();
    }
  }, 60_000);

  test('is no part of the context that it lies in', async () => {
    rig.write({ ...steps('inside'), 'ctx/Dockerfile': 'FROM scratch\nCOPY . /\n' });
    for (let i = 0; i < 2; i++)
      expect(await build(daemon.socket, '--cache-to', 'type=local,dest=ctx/cache')).toMatchObject({ code: 0 });
    expect((await rig.run(['inspect', 'out.tar'])).stdout).not.toContain('cache/');
  });

  test('in a folder of something else: nothing is touched', async () => {
    rig.write({ ...steps('other'), 'full/mine.txt': 'mine' });
    const run = await build(daemon.socket, '--cache-to', 'type=local,dest=full');
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('it holds mine.txt, which is no part') });
    expect(listFiles(rig.path('full'))).toEqual(['mine.txt']);
    expect(await rig.run(['--cache-to', 'type=local,dest=local', '-o', 'type=cacheonly', 'ctx'])).toMatchObject({
      code: 0,
    });
    const own = await build(daemon.socket, '--cache-to', 'type=local,dest=local');
    expect(own).toMatchObject({ code: 1, stderr: expect.stringContaining('a cache of builds on this machine') });
  });
});

test('an inline cache makes the image that BuildKit makes, and says so', async () => {
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n', 'ctx/a': `${Math.random()}` });
  const build = (out: string, ...more: string[]) =>
    rig.run([
      '--builder',
      `unix://${daemon.socket}`,
      ...more,
      '-o',
      `type=oci,dest=${out}`,
      '--progress',
      'plain',
      'ctx',
    ]);
  expect(await build('plain.tar')).toMatchObject({ code: 0, stderr: expect.not.stringContaining('InlineCache') });
  const run = await build('inline.tar', '--cache-to', 'type=inline');
  expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('InlineCache') });
  const [plain, inline] = [await readImage(rig.path('plain.tar')), await readImage(rig.path('inline.tar'))];
  const { 'moby.buildkit.cache.v0': cache, ...rest } = inline.config as typeof inline.config & Record<string, string>;
  expect(rest).toEqual(plain.config);
  const records = JSON.parse(Buffer.from(cache!, 'base64').toString());
  expect(records).toContainEqual(expect.objectContaining({ layers: [expect.objectContaining({ layer: 0 })] }));
});

test('gRPC is loaded by builds on builders alone', async () => {
  rig.write({
    'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n',
    'ctx/a': 'a',
    'hook.cjs': `process.on('exit', () => process.stderr.write(Object.keys(require.cache).filter((f) => /grpc|bufbuild/.test(f)).length + ' files'));`,
  });
  const program = [process.execPath, '-r', rig.path('hook.cjs'), path.join(ROOT, 'bin/wbuild.js')];
  const loaded = async (...args: string[]) =>
    (await rig.run([...args, '--progress', 'quiet', '-o', 'type=tar,dest=o.tar', 'ctx'], { program })).stderr;
  expect(await loaded()).toBe('0 files');
  expect(await loaded('--builder', `unix://${daemon.socket}`)).not.toBe('0 files');
});
