/** Several platforms, labels and annotations, through the built program. That the bytes are BuildKit's: ../peers/platforms.test.ts, and the parity lane. */
import fs from 'node:fs';
import { expect, test } from '@jest/globals';
import { digestOf, readEntries } from '../read-image.js';
import { useRig } from '../rig.js';

const rig = useRig();

const DOCKERFILE =
  'FROM scratch AS wasm\nCOPY a.wasm /\nFROM scratch AS amd64\nCOPY a.elf /\nCOPY data /data\nFROM $TARGETARCH\nCOPY data /d\n';

function lay(): void {
  rig.write({ 'c/Dockerfile': DOCKERFILE, 'c/a.wasm': '\0asm', 'c/a.elf': 'elf', 'c/data/x': 'x' });
}

interface Json {
  readonly digest: string;
  readonly mediaType: string;
  readonly annotations?: object;
  readonly platform?: object;
  readonly manifests: readonly Json[];
  readonly layers: readonly Json[];
  readonly config: Json & { readonly Labels?: object };
}

async function readLayout(tar: string) {
  const files = new Map((await readEntries(fs.readFileSync(rig.path(tar)))).map((e) => [e.path, e.bytes]));
  const json = (name: string): Json => JSON.parse(String(files.get(name)));
  const blob = ({ digest }: Json) => {
    const name = `blobs/${digest.replace(':', '/')}`;
    expect(digestOf(files.get(name)!)).toBe(digest);
    return json(name);
  };
  const [root] = json('index.json').manifests;
  return { files, root: root!, blob };
}

test('each platform has its own stages; layers that they share are there once', async () => {
  lay();
  const args = ['--platform', 'wasi/wasm', '--platform', 'linux/amd64', '--metadata-file', 'm.json', '--iidfile', 'id'];
  const result = await rig.run([...args, '-t', 'app:1', '-o', 'type=oci,dest=i.tar', 'c']);
  expect(result.code).toBe(0);
  const { root, blob } = await readLayout('i.tar');
  expect(root).not.toHaveProperty('platform');
  const index = blob(root);
  expect(index.manifests.map((m) => m.platform)).toEqual([
    { os: 'wasi', architecture: 'wasm' },
    { os: 'linux', architecture: 'amd64' },
  ]);
  const layers = index.manifests.map((m) => blob(m).layers.map((l) => l.digest));
  expect(layers.map((l) => l.length)).toEqual([2, 3]);
  const metadata = JSON.parse(fs.readFileSync(rig.path('m.json'), 'utf8'));
  expect(metadata).toMatchObject({ 'containerimage.digest': root.digest, 'image.name': 'docker.io/library/app:1' });
  expect(metadata['wbuild.cache']).toMatchObject({ built: new Set(layers.flat()).size });
  expect(metadata).not.toHaveProperty('containerimage.config.digest');
  expect(fs.readFileSync(rig.path('id'), 'utf8')).toBe(root.digest);
  expect(result.stderr).toContain(`index     ${root.digest}`);
  expect(result.stderr).toContain('(linux/amd64)');

  const listed = JSON.parse((await rig.run(['images', '--json'])).stdout);
  expect(listed).toMatchObject([
    { name: 'docker.io/library/app:1', id: root.digest, platform: 'wasi/wasm,linux/amd64' },
  ]);
  expect(await rig.run(['save', 'app:1', '--type', 'oci', '-o', 'saved.tar'])).toMatchObject({ code: 0 });
  expect(fs.readFileSync(rig.path('saved.tar')).equals(fs.readFileSync(rig.path('i.tar')))).toBe(true);
  const asDocker = await rig.run(['save', 'app:1', '-o', 'docker.tar']);
  expect(asDocker.code).toBe(2);
  expect(asDocker.stderr).toContain('type=docker holds one image');
  await rig.run(['cache', 'prune', '--all']);
  expect(await rig.run(['save', 'app:1', '--type', 'oci', '-o', 'again.tar'])).toMatchObject({ code: 0 });
});

test('the digest of an index depends on the order of the platforms, and on nothing that was built before', async () => {
  lay();
  const build = async (platform: string, dest: string, ...more: string[]) => {
    const args = ['--platform', platform, '-o', `type=oci,dest=${dest}`, ...more, 'c'];
    expect(await rig.run(args)).toMatchObject({ code: 0 });
    return fs.readFileSync(rig.path(dest));
  };
  const first = await build('wasi/wasm,linux/amd64', 'a.tar');
  const other = await build('linux/amd64,wasi/wasm', 'b.tar');
  expect(first.equals(other)).toBe(false);
  expect(first.equals(await build('wasi/wasm,linux/amd64', 'c.tar', '--no-cache'))).toBe(true);
});

test('without -o it is an OCI archive at image.tar', async () => {
  lay();
  const result = await rig.run(['--platform', 'wasi/wasm,linux/amd64', 'c']);
  expect(result.code).toBe(0);
  expect(result.stderr).toContain('wrote     image.tar (oci)');
  expect((await readLayout('image.tar')).files.has('manifest.json')).toBe(false);
});

test('local and tar have a folder for each platform', async () => {
  lay();
  const args = ['--platform', 'wasi/wasm,linux/amd64', '-o', 'out', '-o', 'type=tar,dest=root.tar', 'c'];
  expect(await rig.run(args)).toMatchObject({ code: 0 });
  expect(fs.readdirSync(rig.path('out')).sort()).toEqual(['linux_amd64', 'wasi_wasm']);
  const paths = (await readEntries(fs.readFileSync(rig.path('root.tar')))).map((e) => e.path);
  expect(paths).toContain('linux_amd64/a.elf');
  expect(paths).toContain('wasi_wasm/a.wasm');
});

test('labels and annotations are where they belong', async () => {
  lay();
  const args = ['--platform', 'wasi/wasm,linux/amd64', '--label', '10=x', '--label', '9=y', '--annotation', 'm=1'];
  const more = ['--annotation', 'manifest[linux/amd64]:m=2', '--annotation', 'index,index-descriptor:i=3'];
  const output = ['-o', 'type=oci,dest=i.tar,annotation-manifest-descriptor.d=4,annotation.m=0', 'c'];
  expect(await rig.run([...args, ...more, ...output])).toMatchObject({ code: 0 });
  const { root, blob, files } = await readLayout('i.tar');
  expect(root.annotations).toMatchObject({ i: '3' });
  const index = blob(root);
  expect(index.annotations).toEqual({ i: '3' });
  expect(index.manifests.map((m) => m.annotations)).toEqual([{ d: '4' }, { d: '4' }]);
  const manifests = index.manifests.map(blob);
  expect(manifests.map((m) => m.annotations)).toEqual([{ m: '1' }, { m: '2' }]);
  const config = String(files.get(`blobs/${manifests[0]!.config.digest.replace(':', '/')}`));
  expect(config).toContain('"Labels":{"10":"x","9":"y"}');
});

test.each([
  [['--annotation', 'index:k=v'], 2, 'an image for one platform has no index'],
  [['--annotation', 'manifest[linux/arm64]:k=v'], 2, 'the build is not for linux/arm64'],
  [['--platform', 'wasi/wasm,linux/amd64', '-o', 'type=docker,dest=d.tar'], 2, 'type=docker holds one image'],
  [['--platform', 'wasi/wasm,linux/nowhere/a/b'], 2, 'has too many parts'],
  [
    ['--annotation', 'manifest-descriptor:k=v', '-o', 'type=oci,dest=x,oci-mediatypes=false'],
    2,
    'media types have none',
  ],
])('%j is refused before anything is built', async (args, code, message) => {
  rig.write({ 'c/Dockerfile': 'FROM scratch\n' });
  const result = await rig.run([...(args.includes('--platform') ? [] : ['--platform', 'wasi/wasm']), ...args, 'c']);
  expect(result).toMatchObject({ code });
  expect(result.stderr).toContain(message);
  expect(rig.list()).toEqual(['c/', 'c/Dockerfile']);
});

test('an annotation for the one platform of a build is dropped, as BuildKit does, and that is said', async () => {
  rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY Dockerfile /\n' });
  const args = ['--platform', 'wasi/wasm', '--annotation', 'manifest[wasi/wasm]:k=v', '-o', 'type=oci,dest=i.tar', 'c'];
  const result = await rig.run(args);
  expect(result.code).toBe(0);
  expect(result.stderr).toContain('annotation "k" is left out');
  const { root, blob } = await readLayout('i.tar');
  expect(blob(root)).not.toHaveProperty('annotations');
});

test('check speaks of what any platform has, once; llb takes one platform', async () => {
  rig.write({
    'c/Dockerfile':
      'FROM scratch AS wasm\nCOPY gone /\nFROM scratch AS amd64\nCOPY lost /\nFROM $TARGETARCH\nCOPY no /\n',
  });
  const result = await rig.run(['check', '--platform', 'wasi/wasm,linux/amd64', '--target', '', 'c']);
  expect(result.code).toBe(3);
  for (const name of ['gone', 'lost']) expect(result.stdout).toContain(name);
  expect(result.stdout.match(/COPY no/g)).toHaveLength(1);
  const graph = await rig.run(['llb', '--platform', 'wasi/wasm,linux/amd64', 'c']);
  expect(graph).toMatchObject({ code: 2 });
  expect(graph.stderr).toContain('run wbuild llb once for each --platform');
});
