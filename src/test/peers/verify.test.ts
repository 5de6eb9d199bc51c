/** `wbuild verify` against what docker, BuildKit and a registry hold: the levels on which the two builders agree, and why not above. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DOCKER_SOCKET, inside, peer, REGISTRY, usePeersRig } from './peers.js';

const rig = usePeersRig();
const DOCKERFILE = 'FROM scratch\nCOPY app /app/\nENTRYPOINT ["/app/x"]\n';

beforeEach(() => {
  rig.write({ 'src/Dockerfile': DOCKERFILE, 'src/app/x': `${'text '.repeat(400)}\n`, 'src/app/y': 'y\n' });
});

function buildx(output: string, ...more: string[]): void {
  peer(
    'SOURCE_DATE_EPOCH=0',
    'docker',
    'buildx',
    'build',
    '--provenance=false',
    '--no-cache',
    '--platform',
    'wasi/wasm',
    '-o',
    output,
    ...more,
    inside(rig, 'src'),
  );
}

async function verify(...args: string[]) {
  const { code, stdout, stderr } = await rig.run(['verify', '--json', '--progress', 'quiet', ...args, 'src']);
  expect(stderr).toBe('');
  const { causes, ...found } = JSON.parse(stdout);
  return { code, ...found, causes: causes.map((c: { code: string }) => c.code) };
}

describe('BuildKit', () => {
  test('uncompressed: the archive is equal to the last byte', async () => {
    buildx(`type=oci,dest=${inside(rig, 'a.tar')},compression=uncompressed,rewrite-timestamp=true`);
    expect(await verify('--against', 'a.tar')).toMatchObject({ code: 0, agreement: 'archive', causes: [] });
  });

  test('gzip: another compressor, named as the one cause; the config agrees', async () => {
    buildx(`type=oci,dest=${inside(rig, 'a.tar')},rewrite-timestamp=true`);
    expect(await verify('--against', 'a.tar')).toMatchObject({
      code: 3,
      agreement: 'config',
      causes: ['LayerCompression'],
    });
    expect(await verify('--against', 'a.tar', '--require', 'config')).toMatchObject({ code: 0, verified: true });
  });

  test('without rewrite-timestamp: times, and the files agree', async () => {
    buildx(`type=oci,dest=${inside(rig, 'a.tar')},compression=uncompressed`);
    const found = await verify('--against', 'a.tar', '--require', 'contents');
    expect(found).toMatchObject({ code: 0, agreement: 'contents' });
    expect(found.causes).toContain('FileTime');
  });
});

describe('on a builder', () => {
  const builder = ['--builder', `unix://${DOCKER_SOCKET}`];
  const local = async (output: string) =>
    expect(await rig.run(['--platform', 'wasi/wasm', '-o', output, 'src'])).toMatchObject({ code: 0 });

  test('uncompressed: the rebuild of the daemon is the local archive', async () => {
    await local('type=oci,dest=a.tar,compression=uncompressed');
    expect(await verify(...builder, '--against', 'a.tar')).toMatchObject({ code: 0, agreement: 'archive', causes: [] });
    rig.write({ 'src/app/y': 'z\n' });
    expect(await verify(...builder, '--against', 'a.tar')).toMatchObject({ code: 3, causes: ['FileContent'] });
  });

  test('gzip: the config and the diff IDs agree, and the compressor does not', async () => {
    await local('type=oci,dest=a.tar');
    const found = await verify(...builder, '--against', 'a.tar', '--require', 'config');
    expect(found).toMatchObject({ code: 0, agreement: 'config', causes: ['LayerCompression'] });
  });

  test('nothing comes from the cache of the daemon, and nothing goes into others', async () => {
    await local('type=oci,dest=a.tar,compression=uncompressed');
    expect(await verify(...builder, '--against', 'a.tar')).toMatchObject({ code: 0 });
    const ref = `${REGISTRY}/verify/cache:1`;
    const caches = ['--cache-to', `type=registry,ref=${ref},mode=max`, '--cache-from', `type=registry,ref=${ref}`];
    const args = ['verify', '--progress', 'plain', ...builder, ...caches, '--against', 'a.tar', 'src'];
    const { code, stderr } = await rig.run(args);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/CACHED|cache/) });
    expect(stderr).toContain('COPY app /app/');
    expect((await rig.run(['inspect', `docker://${ref}`])).stderr).toContain('RegistryNotFound');
  });

  test('--perturb: the daemon is given the other world as well', async () => {
    const perturb = (...args: string[]) =>
      rig.run(['verify', '--perturb', '--progress', 'quiet', ...builder, ...args, 'src']);
    expect(await perturb()).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('held: ') });
    // an epoch later than the files, whose times it then keeps
    const leaks = await perturb('--timestamp', '2000000000');
    expect(leaks).toMatchObject({ code: 3, stdout: expect.stringContaining('FileTime: ') });
  });

  test('one that is not there is an error, and no verdict', async () => {
    await local('type=oci,dest=a.tar,compression=uncompressed');
    const run = await rig.run(['verify', '--builder', 'tcp://127.0.0.1:1', '--against', 'a.tar', 'src']);
    expect(run).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('BuilderUnreachable') });
  });
});

test('docker save: the image ID agrees', async () => {
  const name = 'wbuild-verify:save';
  buildx(`type=docker,dest=${inside(rig, 'made.tar')},name=${name},rewrite-timestamp=true`);
  peer('docker', 'load', '-i', inside(rig, 'made.tar'));
  try {
    peer('docker', 'save', '-o', inside(rig, 'saved.tar'), name);
    const found = await verify('--against', 'saved.tar', '--require', 'config');
    expect(found).toMatchObject({
      code: 0,
      verified: true,
      a: { form: 'docker-archive' },
      levels: { config: true, 'diff-ids': true },
    });
  } finally {
    peer('docker', 'rmi', '-f', name);
  }
});

test('a registry: what wbuild pushed is verified; what skopeo made of it is explained', async () => {
  const name = `${REGISTRY}/verify/app`;
  const pushed = await rig.run(['--platform', 'wasi/wasm', '-t', `${name}:1`, '--push', 'src']);
  expect(pushed).toMatchObject({ code: 0 });
  expect(await verify('--against', `docker://${name}:1`)).toMatchObject({
    code: 0,
    agreement: 'manifest',
    a: { form: 'registry' },
  });
  const options = ['--format', 'v2s2', '--src-tls-verify=false', '--dest-tls-verify=false'];
  peer('skopeo', 'copy', ...options, `docker://${name}:1`, `docker://${name}:v2`);
  expect(await verify('--against', `${name}:v2`, '-o', 'type=oci')).toMatchObject({
    code: 3,
    agreement: 'config',
    causes: ['MediaType'],
  });
  const inspected = await rig.run(['inspect', '--json', `docker://${name}:v2`]);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ form: 'registry', images: [{ entrypoint: ['/app/x'] }] });
  const { code, stdout } = await rig.run(['diff', `${name}:1`, `${name}:v2`]);
  expect({ code, stdout }).toMatchObject({ code: 3, stdout: expect.stringContaining('MediaType: ') });
  expect(await rig.run(['inspect', `${name}:none`])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('RegistryNotFound'),
  });
});
