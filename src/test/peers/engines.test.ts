/** --load into Docker's classic store, podman and containerd themselves, and what they list and answer. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { useRig } from '../rig.js';
import { CLIENTS, type EngineName, Engines, HOSTS } from './engines.js';

const MACHINE = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
const OTHER = MACHINE === 'linux/arm64' ? 'linux/amd64' : 'linux/arm64';
const ATTESTED = ['--platform', MACHINE, '--attest', 'type=provenance'];
const MB = 2 ** 20;

const rig = useRig();
let engines: Engines;
beforeAll(async () => {
  engines = await Engines.open();
}, 60_000);
afterAll(() => engines.close());

/** Builds a small image, or one of so many megabytes, in an engine's environment. */
function start(args: readonly string[], env: Readonly<Record<string, string>>, megabytes = 0) {
  const app = megabytes > 0 ? { size: megabytes * MB } : '\0asm';
  rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY app.wasm /\nENTRYPOINT ["app.wasm"]\n', 'c/app.wasm': app });
  return rig.start([...args, 'c'], engines.wbuild(rig, env));
}

/** @returns the digests that wbuild prints */
async function load(args: readonly string[], env: Readonly<Record<string, string>> = {}, megabytes = 0) {
  const { code, stderr } = await start([...args, ...LOAD], env, megabytes).done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('loaded    ') });
  const digest = (what: string) => new RegExp(`^${what} +(sha256:[0-9a-f]{64})$`, 'm').exec(stderr)?.[1];
  const of = (platform: string) => new RegExp(`(sha256:[0-9a-f]{64}) \\(${platform}\\)`).exec(stderr)?.[1];
  return { config: digest('image ID'), manifest: digest('manifest'), index: digest('index'), of };
}

async function refusal(args: readonly string[], env: Readonly<Record<string, string>> = {}, megabytes = 0) {
  const { code, stderr } = await start([...args, ...LOAD], env, megabytes).done;
  expect(code).not.toBe(0);
  return stderr.slice(stderr.indexOf('error['));
}

const LOAD = ['-o', 'type=docker,compression=uncompressed'];
const ask = (engine: EngineName, ...args: string[]) => engines.run(...CLIENTS[engine], ...args).trim();

/** A load during which the engine dies. It is halted before, so that it has not taken all of the image. */
async function dieUnder(engine: EngineName, step: RegExp, env: Readonly<Record<string, string>> = {}) {
  engines.halt(engine);
  const run = start(['--platform', MACHINE, '-t', 'dead:1', '--progress', 'plain', ...LOAD], env, 20);
  await run.seen(step);
  await engines.kill(engine);
  const { code, stderr } = await run.done;
  expect(code).not.toBe(0);
  return stderr.slice(stderr.indexOf('error['));
}

describe('the classic store of Docker', () => {
  const env = { DOCKER_HOST: HOSTS.docker };
  const classic = { features: { 'containerd-snapshotter': false } };
  const idOf = (name: string) => ask('docker', 'images', '--no-trunc', '-q', name);
  beforeAll(() => engines.start('docker', classic), 60_000);

  test('holds a linux image, of this machine or another', async () => {
    expect(idOf('none')).toBe('');
    for (const platform of [MACHINE, OTHER]) {
      const { config } = await load(['--platform', platform, '-t', 'classic:1'], env);
      expect(idOf('classic:1')).toBe(config);
      expect(`linux/${ask('docker', 'inspect', '-f', '{{.Architecture}}', 'classic:1')}`).toBe(platform);
    }
    const { config } = await load(['--platform', MACHINE, '--label', 'a=b'], env);
    expect(ask('docker', 'images', '-a', '--no-trunc', '-q', '-f', 'dangling=true').split('\n')).toContain(config);
  });

  test('refuses the others, with the setting that makes Docker take them', async () => {
    const SETTING = /turn on the containerd image store: (\{.*\}) in daemon.json/;
    const cases: [args: string[], message: RegExp][] = [
      [['--platform', 'wasi/wasm'], /cannot load wasi image on linux/],
      [['--platform', `wasi/wasm,${MACHINE}`], /help: an index/],
      [ATTESTED, /help: an index/],
    ];
    let setting = '';
    for (const [args, message] of cases) {
      const said = await refusal([...args, '-t', 'new:1'], env);
      expect(said).toMatch(message);
      setting = SETTING.exec(said.replace(/\s+/g, ' '))?.[1] ?? said;
    }
    await engines.kill('docker');
    await engines.start('docker', JSON.parse(setting));
    for (const [args] of cases) {
      const { index, manifest } = await load([...args, '-t', 'new:1'], env);
      expect(idOf('new:1')).toBe(index ?? manifest);
    }
    await engines.kill('docker');
    await engines.start('docker', classic);
  });

  test.each(['gzip', 'zstd', 'uncompressed'])(
    'docker load takes an archive with %s, and no OCI archive',
    async (compression) => {
      rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY a /\n', 'c/a': compression });
      const attempt = async (type: string, ...args: string[]) => {
        const output = `type=${type},dest=out.tar,compression=${compression},force-compression=true`;
        const { code, stderr } = await rig.run([...args, '-t', `${type}:${compression}`, '-o', output, 'c']);
        expect(code).toBe(0);
        const file = fs.openSync(rig.path('out.tar'), 'r');
        const answer = engines.result([...CLIENTS.docker, 'load'], file);
        fs.closeSync(file);
        return { made: stderr, answer };
      };
      const { made, answer } = await attempt('docker', '--platform', MACHINE);
      expect(answer).toMatchObject({ status: 0, stdout: `Loaded image: docker:${compression}\n` });
      expect(made).toContain(`image ID  ${idOf(`docker:${compression}`)}`);
      for (const args of [['--platform', MACHINE], ['--platform', `${MACHINE},${OTHER}`], ATTESTED])
        expect((await attempt('oci', ...args)).answer).toMatchObject({
          status: 1,
          stderr: expect.stringContaining('json'),
        });
    },
  );

  test('without room, and when it dies: nothing is loaded', async () => {
    engines.leaveRoom(4);
    const said = await refusal(['--platform', MACHINE, '-t', 'full:1'], env, 20);
    engines.leaveRoom(undefined);
    expect(said).toMatch(/error\[DockerRefused\].*no space left on device/);
    expect(said).not.toContain('help:');
    expect(await dieUnder('docker', /loading into Docker/, env)).toMatch(
      /error\[DockerUnreachable\]: Docker cannot be reached/,
    );
    await engines.start('docker', classic);
    expect(idOf('full:1') + idOf('dead:1')).toBe('');
  });
});

describe('podman', () => {
  const env = { DOCKER_HOST: HOSTS.podman };
  const shown = (name: string) =>
    JSON.parse(ask('podman', 'image', 'inspect', name))[0] as {
      Id: string;
      Digest: string;
      Os: string;
      Architecture: string;
    };
  beforeAll(() => engines.start('podman'), 60_000);

  test('is found where there is no Docker, and where DOCKER_HOST says it is; it keeps the manifest of each platform', async () => {
    for (const [platform, at] of [
      ['wasi/wasm', {}],
      [MACHINE, env],
      [OTHER, env],
    ] as const) {
      const { config, manifest } = await load(['--platform', platform, '-t', 'pod:1'], at);
      const { Id, Digest, Os, Architecture } = shown('pod:1');
      expect([`sha256:${Id}`, Digest, `${Os}/${Architecture}`]).toEqual([config, manifest, platform]);
    }
    const { config } = await load(['--platform', MACHINE, '--label', 'a=b'], env);
    expect(ask('podman', 'images', '-a', '--no-trunc', '-q', '-f', 'dangling=true').split('\n')).toContain(config);
  });

  test('keeps the image of this machine, of several and of one that is attested', async () => {
    for (const args of [['--platform', `wasi/wasm,${MACHINE}`], ATTESTED]) {
      const { of } = await load([...args, '-t', 'pod:2'], env);
      expect(shown('pod:2').Digest).toBe(of(MACHINE));
      ask('podman', 'rmi', 'pod:2');
    }
    const said = await refusal(['--platform', `wasi/wasm,${OTHER}`, '-t', 'pod:3'], env);
    expect(said).toMatch(/podman does not load the image: .*no image found in image index/);
    expect(said).toMatch(/help: of several platforms podman keeps/);
  });

  test.each([4, 30])('with %d MB of room for 20, and when it dies: nothing is loaded', async (room) => {
    engines.leaveRoom(room);
    const said = await refusal(['--platform', MACHINE, '-t', 'full:1'], env, 20);
    engines.leaveRoom(undefined);
    expect(said).toMatch(/podman does not load the image: .*no space left on device/);
    expect(said).not.toContain('help:');
    expect(await dieUnder('podman', /loading into Docker/, env)).toMatch(
      /error\[DockerUnreachable\]: Docker cannot be reached/,
    );
    await engines.start('podman');
    expect(ask('podman', 'images', '-q', '-f', 'reference=full', '-f', 'reference=dead')).toBe('');
  });
});

describe('containerd', () => {
  beforeAll(async () => {
    await engines.kill('podman'); // it is found before containerd is
    engines.run('rm', '/run/podman/podman.sock');
    await engines.start('containerd');
  }, 60_000);

  /** name → digest and platforms */
  const listed = (...namespace: string[]) =>
    new Map(
      ask('containerd', ...namespace, 'images', 'ls')
        .split('\n')
        .map((line) => {
          const words = line.split(/ +/);
          return [words[0], { digest: words[2], platforms: words[5] }];
        }),
    );

  test('has each image by its name, and all that belongs to it', async () => {
    const cases = [
      ['--platform', 'wasi/wasm'],
      ['--platform', MACHINE],
      ['--platform', `${MACHINE},${OTHER},wasi/wasm`],
      ATTESTED,
    ];
    for (const args of cases) {
      const { config, manifest, index } = await load([...args, '-t', 'ctr:1']);
      const found = listed().get('docker.io/library/ctr:1')!;
      expect(found.digest).toBe(index ?? manifest);
      const platforms = args[1]!.split(',');
      expect(new Set(found.platforms!.split(','))).toEqual(new Set(platforms));
      const content = JSON.parse(ask('containerd', 'content', 'get', found.digest!));
      if (!index) expect(content.config.digest).toBe(config);
      const held = ask('containerd', 'content', 'ls', '-q').split('\n');
      const parts = index ? content.manifests : [content.config, ...content.layers];
      expect(held).toEqual(expect.arrayContaining(parts.map((part: { digest: string }) => part.digest)));
    }
  });

  test('keeps one without a name by its digest, and one for Kubernetes in its namespace', async () => {
    const { manifest } = await load(['--platform', MACHINE, '--label', 'a=b']);
    expect(listed().get(`wbuild@${manifest}`)).toMatchObject({ digest: manifest });
    const named = await load(['--platform', MACHINE, '-t', 'ctr:2'], { CONTAINERD_NAMESPACE: 'k8s.io' });
    expect(listed('-n', 'k8s.io').get('docker.io/library/ctr:2')).toMatchObject({ digest: named.manifest });
    expect(listed().has('docker.io/library/ctr:2')).toBe(false);
  });

  test('without room, elsewhere, and when it dies: nothing is loaded', async () => {
    const args = ['--platform', MACHINE, '-t', 'full:1'];
    engines.leaveRoom(4);
    const full = await refusal(args, {}, 20);
    engines.leaveRoom(undefined);
    expect(full).toMatch(/error\[DockerRefused\]: ctr does not import the image: .*no space left on device/);
    expect(full).not.toContain('help:');
    expect(await refusal(args, { CONTAINERD_ADDRESS: '/none.sock' })).toContain('help: CONTAINERD_ADDRESS says');
    expect(await dieUnder('containerd', /loading into containerd/)).toContain('help: CONTAINERD_ADDRESS says');
    await engines.start('containerd');
    const names = [...listed().keys()];
    expect(names.filter((name) => /full|dead/.test(name!))).toEqual([]);
  });
});

test('each takes an image of 100 MB', async () => {
  const args = ['--platform', MACHINE, '-t', 'large:1'];
  const inContainerd = await load(args, {}, 100);
  expect(ask('containerd', 'images', 'ls')).toMatch(new RegExp(`library/large:1 .*${inContainerd.manifest}`));
  await engines.start('podman');
  await load(args, { DOCKER_HOST: HOSTS.podman }, 100);
  expect(ask('podman', 'image', 'inspect', '-f', '{{.Digest}}', 'large:1')).toBe(inContainerd.manifest);
  await load(args, { DOCKER_HOST: HOSTS.docker }, 100);
  expect(ask('docker', 'images', '--no-trunc', '-q', 'large:1')).toBe(inContainerd.config);
}, 120_000);
