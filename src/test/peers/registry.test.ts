/** Push and pull with a real registry, open and closed, healthy and not; and what other programs find in it. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { pushImage } from '../../build/images/push-image.js';
import { BuildError } from '../../diagnostic/build-error.js';
import { assembleImage } from '../../oci/assemble.js';
import { MEDIA_TYPES } from '../../oci/media-types.js';
import { sha256 } from '../../util/digest.js';
import { memoryContent } from '../hello-image.js';
import {
  ACCOUNT,
  keyFits,
  type OwnRegistry,
  startFaultProxy,
  startRegistry,
  startTokenServer,
} from './own-registry.js';
import { inside, peer, peerMeanwhile, REGISTRY, usePeersRig } from './peers.js';

const rig = usePeersRig();
const ALL = 'wasi/wasm,linux/amd64,linux/arm64';
/** Repositories of this run alone: the registry outlives it. */
const RUN = `wbuild-test/${process.pid}-${Date.now()}`;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function lay(): void {
  rig.write({
    'c/Dockerfile': 'FROM scratch\nCOPY app.wasm /\nCOPY big /big\nENTRYPOINT ["app.wasm"]\n',
    'c/app.wasm': '\0asm\x01\0\0\0',
    'c/big': { size: 6_000_000 },
  });
}

async function ok(...args: string[]) {
  const result = await rig.run(args);
  if (result.code !== 0) throw new Error(`wbuild ${args.join(' ')} ended with ${result.code}:\n${result.stderr}`);
  return result;
}

interface Json {
  readonly digest: string;
  readonly manifests: readonly Json[];
  readonly layers: readonly Json[];
  readonly config: Json;
}

describe('the open registry', () => {
  const name = `${REGISTRY}/${RUN}:1`;

  test('gives other programs what was pushed, and gives it back', async () => {
    lay();
    await ok(
      '--platform',
      ALL,
      '-t',
      name,
      '-o',
      'type=oci,dest=built.tar',
      '--push',
      '--metadata-file',
      'm.json',
      'c',
    );
    const digest = JSON.parse(fs.readFileSync(rig.path('m.json'), 'utf8'))['containerimage.digest'];

    const index: Json = JSON.parse(peer('oras', 'manifest', 'fetch', '--plain-http', name));
    expect(index.manifests).toHaveLength(3);
    const raw = peer('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${name}`);
    expect(`sha256:${createHash('sha256').update(raw).digest('hex')}`).toBe(digest);
    const wasm = ['--override-os', 'wasi', '--override-arch', 'wasm'];
    const inspected = JSON.parse(peer('skopeo', ...wasm, 'inspect', '--tls-verify=false', `docker://${name}`));
    expect(inspected).toMatchObject({ Os: 'wasi', Architecture: 'wasm', Created: '1970-01-01T00:00:00Z' });
    const layout = inside(rig, 'copied');
    peer('skopeo', 'copy', '--all', '--src-tls-verify=false', `docker://${name}`, `oci:${layout}:x`);
    const [copied] = JSON.parse(fs.readFileSync(rig.path('copied/index.json'), 'utf8')).manifests;
    expect(copied.digest).toBe(digest);
    for (const blob of fs.readdirSync(rig.path('copied/blobs/sha256'))) {
      const bytes = fs.readFileSync(rig.path('copied/blobs/sha256', blob));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(blob);
    }
    try {
      peer('docker', 'pull', '--platform', 'linux/amd64', name);
      expect(peer('docker', 'images', '--no-trunc', '-q', name).trim()).toBe(digest);
    } finally {
      peer('docker', 'rmi', '-f', name);
    }

    await ok('pull', name, '--cache-dir', 'other');
    await ok('save', name, '--type', 'oci', '-o', 'saved.tar', '--cache-dir', 'other');
    expect(fs.readFileSync(rig.path('saved.tar')).equals(fs.readFileSync(rig.path('built.tar')))).toBe(true);
  });

  test('gives oras the module of a wasm artifact', async () => {
    rig.write({
      'w/Dockerfile': 'FROM scratch\nCOPY app.wasm /\n',
      'w/app.wasm': Buffer.from('\0asm\x01\0\0\0', 'latin1'),
    });
    const artifact = `${REGISTRY}/${RUN}/wasm:1`;
    await ok('--platform', 'wasi/wasm', '-o', `type=wasm,push=true,name=${artifact}`, 'w');
    const manifest: Json = JSON.parse(peer('oras', 'manifest', 'fetch', '--plain-http', artifact));
    expect(manifest.config).toMatchObject({ mediaType: 'application/vnd.wasm.config.v0+json' });
    const [layer] = manifest.layers;
    expect(layer).toMatchObject({ mediaType: 'application/wasm' });
    const blob = `${REGISTRY}/${RUN}/wasm@${layer!.digest}`;
    peer('oras', 'blob', 'fetch', '--plain-http', '--output', inside(rig, 'fetched.wasm'), blob);
    expect(fs.readFileSync(rig.path('fetched.wasm')).equals(fs.readFileSync(rig.path('w/app.wasm')))).toBe(true);
    peer('skopeo', 'copy', '--src-tls-verify=false', `docker://${artifact}`, `oci:${inside(rig, 'copied-wasm')}:x`);
  });

  test('mounts from one repository to the next, and is sent nothing twice', async () => {
    lay();
    const names = [`${REGISTRY}/${RUN}/a:1`, `${REGISTRY}/${RUN}/b:1`];
    const tags = names.flatMap((tag) => ['-t', tag]);
    const first = await ok('--progress', 'plain', '--platform', 'wasi/wasm', ...tags, '--push', 'c');
    expect(first.stderr.match(/CACHED/g)).toHaveLength(3); // config and two layers, in the second repository
    const again = await ok('--progress', 'plain', 'push', names[0]!).catch(() =>
      ok('push', '--progress', 'plain', names[0]!),
    );
    expect(again.stderr.match(/CACHED/g)).toHaveLength(3);
  });

  test('gives back what skopeo pushed, of Docker’s media types', async () => {
    lay();
    await ok('--platform', 'linux/amd64', '-t', 'x:1', '-o', 'type=docker,dest=image.tar', 'c');
    const other = `${REGISTRY}/${RUN}/skopeo:1`;
    const archive = `docker-archive:${inside(rig, 'image.tar')}`;
    peer('skopeo', 'copy', '--format', 'v2s2', '--dest-tls-verify=false', archive, `docker://${other}`);
    const { stdout } = await ok('pull', '-q', other);
    expect(peer('skopeo', 'inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${other}`)).toBe(
      stdout,
    );
    expect(await ok('cache', 'verify')).toMatchObject({ code: 0 });
  });
});

describe('a registry with passwords', () => {
  const refused = async (name: string) => {
    const result = await rig.run(['--platform', 'wasi/wasm', '-t', name, '--push', 'c']);
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain('RegistryDenied');
  };

  async function roundtrip({ host }: OwnRegistry): Promise<void> {
    lay();
    const name = `${host}/team/app:1`;
    await refused(name);
    const wrong = await rig.run(['login', '-u', ACCOUNT.username, '--password-stdin', host], { input: 'wrong' });
    expect(wrong).toMatchObject({ code: 1 });
    const login = ['login', '-u', ACCOUNT.username, '--password-stdin', host];
    expect(await rig.run(login, { input: ACCOUNT.password })).toMatchObject({ code: 0 });
    await ok('--platform', ALL, '-t', name, '--push', 'c');
    await ok('pull', name, '--cache-dir', 'other');
    // what wbuild keeps, docker reads
    const config = path.join(rig.dir, '../home/.docker/config.json');
    fs.copyFileSync(config, rig.path('config.json'));
    const own = `DOCKER_CONFIG=${inside(rig)}`;
    expect(await peerMeanwhile(own, 'docker', 'pull', '-q', '--platform', 'linux/amd64', name)).toContain(name);
    peer('docker', 'rmi', '-f', name);
    await ok('logout', host);
    await refused(name);
  }

  test('of htpasswd', async () => {
    const registry = await startRegistry({ folder: rig.path('registry'), auth: { kind: 'htpasswd' } });
    closing.push(registry.close);
    await roundtrip(registry);
    // and what docker keeps, wbuild reads
    peer(
      `DOCKER_CONFIG=${inside(rig, 'docker')}`,
      'sh',
      '-c',
      `echo ${ACCOUNT.password} | docker login -u ${ACCOUNT.username} --password-stdin ${registry.host}`,
    );
    const env = { DOCKER_CONFIG: rig.path('docker') };
    const push = ['--platform', 'wasi/wasm', '-t', `${registry.host}/b`, '--push', 'c'];
    expect(await rig.run(push, { env })).toMatchObject({ code: 0 });
  });

  test('of a token server', async () => {
    expect(keyFits()).toBe(true);
    const tokens = await startTokenServer();
    closing.push(tokens.close);
    const registry = await startRegistry({
      folder: rig.path('registry'),
      auth: { kind: 'token', realm: tokens.realm },
    });
    closing.push(registry.close);
    await roundtrip(registry);
    expect(tokens.scopes).toContain('repository:team/app:pull,push');
  });
});

/** Every image has a layer of its own and one that all share; every tenth is larger than one request may be. */
function imageOf(i: number) {
  const blobs = [Buffer.from('shared by all'), Buffer.alloc(i % 10 === 0 ? 2_500_000 : 1000, `image ${i} `)];
  const layers = blobs.map((bytes) => {
    const digest = sha256(bytes);
    return { diffID: digest, descriptor: { mediaType: MEDIA_TYPES.layerTar, digest, size: bytes.length } };
  });
  const config = { env: [], workingDir: '/', entrypoint: undefined, history: [] };
  const platform = { os: 'linux', architecture: 'amd64' };
  const target = assembleImage({ ...config, platform }, layers, { epochSeconds: 0, ociMediaTypes: true });
  return { target, content: memoryContent(...blobs) };
}

test('200 pushes through a proxy that does harm, to a registry that is killed and started again: whole, or not there', async () => {
  const registry = await startRegistry({ folder: rig.path('registry') });
  closing.push(registry.close);
  const proxy = await startFaultProxy(registry.host, { seed: 8, every: 12 });
  closing.push(proxy.close);
  const retry = { attempts: 6, baseMs: 50, maxMs: 1000, random: Math.random };
  const failures: unknown[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < 200; i = next++) {
      const names = [`${proxy.host}/many/${i % 7}:${i}`];
      const how = { env: {}, insecure: false, retry, emit: () => undefined };
      await pushImage({ ...imageOf(i), names, ...how }).catch((error: unknown) => failures.push(error));
    }
  };
  const kills = async () => {
    for (const at of [40, 90, 150]) {
      while (next < at) await new Promise((resolve) => setTimeout(resolve, 20));
      await registry.kill();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await registry.start();
    }
  };
  await Promise.all([...Array.from({ length: 8 }, worker), kills()]);

  expect([...proxy.harm.keys()].sort()).toEqual([
    '429',
    '500',
    'answer cut',
    'answer lost',
    'dropped before',
    'dropped in the middle',
  ]);
  for (const error of failures) {
    expect(error).toBeInstanceOf(BuildError);
    expect(['RegistryUnreachable', 'RegistryFailed']).toContain((error as BuildError).diagnostics[0]!.code);
  }
  let whole = 0;
  for (let i = 0; i < 200; i++) {
    const { target } = imageOf(i);
    const base = `http://${registry.host}/v2/many/${i % 7}`;
    const accept = { accept: MEDIA_TYPES.manifest };
    const manifest = await fetch(`${base}/manifests/${i}`, { headers: accept });
    if (manifest.status === 404) {
      await manifest.body?.cancel();
      continue;
    }
    expect(Buffer.from(await manifest.arrayBuffer()).equals(target.manifest.bytes)).toBe(true);
    for (const { digest } of [target.config.descriptor, ...target.layers.map((l) => l.descriptor)]) {
      const blob = await fetch(`${base}/blobs/${digest}`);
      expect(sha256(Buffer.from(await blob.arrayBuffer()))).toBe(digest);
    }
    whole++;
  }
  // a push that says that it failed may have arrived (the last answer was lost); one that says that it did has
  expect(whole).toBeGreaterThanOrEqual(200 - failures.length);
  expect(failures.length).toBeLessThan(20);
}, 240_000);
