/** `-o type=wasm` through the built program. oras reads it from a real registry in ../peers/registry.test.ts. */
import fs from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type FakeRegistry, startFakeRegistry } from '../fake-registry.js';
import { digestOf, readEntries } from '../read-image.js';
import { useRig } from '../rig.js';

const rig = useRig();
let registry: FakeRegistry;
beforeEach(async () => {
  registry = await startFakeRegistry();
});
afterEach(() => registry.close());

const MODULE = Buffer.from('\0asm\x01\0\0\0', 'latin1');
const EXPORTS = [11, 23, 1, 0, 18, ...Buffer.from('wasi:cli/run@0.2.0'), 5, 0, 0];
const COMPONENT = Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, ...EXPORTS.with(1, EXPORTS.length - 2)]);

function lay(app: Buffer, dockerfile = 'FROM scratch\nCOPY app.wasm /bin/\nENTRYPOINT ["/bin/app.wasm"]\n'): void {
  rig.write({ 'c/Dockerfile': dockerfile, 'c/app.wasm': app, 'c/other': 'x' });
}

async function artifact(tar: string) {
  const files = new Map((await readEntries(fs.readFileSync(rig.path(tar)))).map((e) => [e.path, e.bytes]));
  const blob = ({ digest }: { digest: string }) => {
    const bytes = files.get(`blobs/${digest.replace(':', '/')}`)!;
    expect(digestOf(bytes)).toBe(digest);
    return bytes;
  };
  const [root] = JSON.parse(String(files.get('index.json'))).manifests;
  const manifest = JSON.parse(String(blob(root)));
  return { root, manifest, config: JSON.parse(String(blob(manifest.config))), layer: blob(manifest.layers[0]) };
}

test('a module', async () => {
  lay(MODULE);
  const args = ['--platform', 'wasi/wasm', '-t', 'app:1', '--annotation', 'k=v', '-o', 'type=wasm,dest=a.tar', 'c'];
  expect(await rig.run(args, { env: { SOURCE_DATE_EPOCH: '5' } })).toMatchObject({ code: 0 });
  const { root, manifest, config, layer } = await artifact('a.tar');
  expect(manifest).toMatchObject({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.wasm.config.v0+json' },
    layers: [{ mediaType: 'application/wasm', size: MODULE.length }],
    annotations: { k: 'v' },
  });
  expect(config).toEqual({
    created: '1970-01-01T00:00:05Z',
    architecture: 'wasm',
    os: 'wasip1',
    layerDigests: [digestOf(MODULE)],
  });
  expect(layer.equals(MODULE)).toBe(true);
  expect(root.annotations['org.opencontainers.image.ref.name']).toBe('1');
  const images = JSON.parse((await rig.run(['images', '--json'])).stdout);
  expect(images).toMatchObject([{ name: 'docker.io/library/app:1', platform: 'wasip1/wasm', digest: root.digest }]);
  expect(await rig.run(['save', 'app:1', '--type', 'oci', '-o', 'b.tar'])).toMatchObject({ code: 0 });
  expect((await artifact('b.tar')).root.digest).toBe(root.digest);
});

test('a component, pushed and pulled', async () => {
  lay(COMPONENT);
  const name = `${registry.host}/app:1`;
  const args = ['--platform', 'wasi/wasm', '-o', `type=wasm,push=true,name=${name}`, 'c'];
  expect(await rig.run(args)).toMatchObject({ code: 0 });
  const { type, bytes } = registry.manifests.get('app:1')!;
  expect(type).toBe('application/vnd.oci.image.manifest.v1+json');
  const { digest } = JSON.parse(String(bytes)).config;
  expect(JSON.parse(String(registry.blobs.get(digest)))).toMatchObject({
    os: 'wasip2',
    component: { exports: ['wasi:cli/run@0.2.0'], imports: [] },
  });
  expect(await rig.run(['pull', name, '--cache-dir', 'other'])).toMatchObject({ code: 0 });
});

test.each([
  ['FROM scratch\nCOPY . /\n', MODULE, 'it holds "/Dockerfile", "/app.wasm", "/other"'],
  ['FROM scratch\nCOPY other /\n', MODULE, '"/other" is no WebAssembly file'],
  ['FROM scratch\nENTRYPOINT ["x"]\n', MODULE, 'it holds no file'],
  ['FROM scratch\nCOPY app.wasm /\n', COMPONENT.subarray(0, -1), 'is a component that cannot be read'],
])('%j is refused: NotOneModule', async (dockerfile, app, message) => {
  lay(app, dockerfile);
  const result = await rig.run(['--platform', 'wasi/wasm', '-o', 'type=wasm,dest=a.tar', 'c']);
  expect(result).toMatchObject({ code: 1 });
  expect(result.stderr).toContain('NotOneModule');
  expect(result.stderr).toContain(message);
  expect(rig.list()).not.toContain('a.tar');
});

test('artifacts are inspected and compared by their module', async () => {
  const write = async (app: Buffer, dest: string) => {
    lay(app);
    const args = ['--platform', 'wasi/wasm', '-o', `type=wasm,dest=${dest}`, 'c'];
    expect(await rig.run(args)).toMatchObject({ code: 0 });
  };
  await write(MODULE, 'a.tar');
  await write(Buffer.concat([MODULE, Buffer.from([0, 2, 1, 120])]), 'b.tar'); // a custom section x
  const { code, stdout } = await rig.run(['inspect', 'b.tar']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^platform +wasip1\/wasm$/m);
  expect(stdout).toMatch(/^ +module.wasm: WebAssembly module\n +custom +x /m);
  expect(await rig.run(['diff', 'a.tar', 'a.tar'])).toMatchObject({ code: 0 });
  const diff = await rig.run(['diff', '--json', 'a.tar', 'b.tar']);
  expect(diff.code).toBe(3);
  expect(JSON.parse(diff.stdout)).toMatchObject({
    levels: { 'diff-ids': false, contents: false },
    causes: [{ code: 'WasmCustomSection', places: ['layer 1: module.wasm'] }],
  });
  const verified = await rig.run(['verify', '--against', 'a.tar', 'c']);
  expect(verified).toMatchObject({ code: 1, stdout: '' });
  expect(verified.stderr).toContain('a.tar is a Wasm artifact, and wbuild verify compares images');
});
