/** Several platforms, labels and annotations: the archives of BuildKit itself, byte for byte; and what docker makes of an index. */
import fs from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { inside, peer, usePeersRig } from './peers.js';

const rig = usePeersRig();

const DOCKERFILE = [
  'FROM scratch AS base',
  'COPY app.wasm /',
  'FROM base AS wasm',
  'COPY data /data',
  'FROM scratch AS amd64',
  'COPY --chmod=755 app.elf /bin/app',
  'FROM base AS arm',
  'FROM $TARGETARCH',
  'COPY app.wasm /copy/of/',
  'ENTRYPOINT ["app"]',
].join('\n');

function lay(): void {
  rig.write({
    'ctx/Dockerfile': DOCKERFILE,
    'ctx/app.wasm': '\0asm',
    'ctx/app.elf': 'elf',
    'ctx/data/a': { content: 'a', mode: 0o600 },
    'ctx/data/b': { hardlink: 'ctx/data/a' },
  });
}

const ALL = 'wasi/wasm,linux/amd64,linux/arm/v7';

const annotate = (...values: readonly string[]) => values.flatMap((value) => ['--annotation', value]);

/** What --platform, --label and --annotation are given, and what else the output says. Two levels in one option are newer than this buildx. */
const CASES: readonly (readonly [args: readonly string[], output: string])[] = [
  [['--platform', ALL], ''],
  [['--platform', 'linux/arm', '--platform', 'linux/amd64,wasi/wasm', '-t', 'b:1', '-t', 'localhost:5000/a'], ''],
  [['--platform', 'linux/amd64,linux/amd64'], ''],
  [['--platform', ALL, '-t', 'a:1'], ',oci-mediatypes=false'],
  [['--platform', ALL, '--label', '10=<&>', '--label', '9', '--label', 'é=\u2028\\"'], ''],
  [['--platform', 'wasi/wasm', '--label', 'b=1', '--label', 'a=2', ...annotate('z=1', 'a=2')], ''],
  [['--platform', 'wasi/wasm', ...annotate('manifest-descriptor:org.opencontainers.image.created=x')], ''],
  [['--platform', 'wasi/wasm', ...annotate('k=v')], ',oci-mediatypes=false,name=a:2'],
  [
    [
      ...['--platform', ALL],
      ...annotate('index:9=a', 'manifest:9=b', 'index-descriptor:9=c', 'manifest-descriptor:9=d', 'index:10=e'),
    ],
    ',annotation.org.x=y,annotation-manifest[linux/amd64].only=amd64,annotation-index.i=j',
  ],
  [['--platform', ALL, ...annotate('manifest[linux/arm/v7]:k=<v>', 'manifest-descriptor[wasi/wasm]:k=<v>')], ''],
];

describe.each(CASES)('%j%s', (args, more) => {
  test('has the same bytes', async () => {
    lay();
    const output = (name: string) => `type=oci,dest=${name},compression=uncompressed${more}`;
    const fixed = ',rewrite-timestamp=true,force-compression=true';
    const build = ['SOURCE_DATE_EPOCH=5', 'docker', 'buildx', 'build', '--provenance=false', '--no-cache', ...args];
    peer(...build, '-o', output(inside(rig, 'buildkit.tar')) + fixed, inside(rig, 'ctx'));
    const env = { SOURCE_DATE_EPOCH: '5' };
    const result = await rig.run(['build', ...args, '-o', output('wbuild.tar'), 'ctx'], { env });
    expect(result).toMatchObject({ code: 0 });
    expect(fs.readFileSync(rig.path('wbuild.tar')).equals(fs.readFileSync(rig.path('buildkit.tar')))).toBe(true);
  });
});

test.each(['type=tar,dest=', 'type=local,dest='])('%s has the folders of BuildKit', async (output) => {
  lay();
  const args = ['--platform', ALL];
  const build = ['SOURCE_DATE_EPOCH=5', 'docker', 'buildx', 'build', '--provenance=false', '--no-cache', ...args];
  peer(...build, '-o', output + inside(rig, 'theirs'), inside(rig, 'ctx'));
  const env = { SOURCE_DATE_EPOCH: '5' };
  expect(await rig.run(['build', ...args, '-o', `${output}ours`, 'ctx'], { env })).toMatchObject({ code: 0 });
  const list = (name: string) =>
    fs.statSync(rig.path(name)).isFile()
      ? fs.readFileSync(rig.path(name)).toString('base64')
      : fs.readdirSync(rig.path(name), { recursive: true }).sort();
  expect(list('ours')).toEqual(list('theirs'));
});

test('the metadata file says what that of buildx says', async () => {
  lay();
  for (const platform of ['wasi/wasm', ALL]) {
    const args = ['--platform', platform, '-t', 'a:1', '--annotation', 'manifest-descriptor:z=1'];
    const output = (name: string) => `type=oci,dest=${name},compression=uncompressed`;
    const build = ['SOURCE_DATE_EPOCH=5', 'docker', 'buildx', 'build', '--provenance=false', '--no-cache', ...args];
    const files = ['--metadata-file', inside(rig, 'theirs.json'), '--iidfile', inside(rig, 'theirs.id')];
    const fixed = ',rewrite-timestamp=true,force-compression=true';
    peer(...build, ...files, '-o', output(inside(rig, 'buildkit.tar')) + fixed, inside(rig, 'ctx'));
    const ours = ['--metadata-file', 'ours.json', '--iidfile', 'ours.id', '-o', output('wbuild.tar'), 'ctx'];
    expect(await rig.run([...args, ...ours], { env: { SOURCE_DATE_EPOCH: '5' } })).toMatchObject({ code: 0 });
    const read = (name: string) => fs.readFileSync(rig.path(name), 'utf8');
    const { 'buildx.build.ref': _, ...theirs } = JSON.parse(read('theirs.json'));
    const { 'wbuild.cache': __, ...mine } = JSON.parse(read('ours.json'));
    expect(JSON.stringify(mine)).toBe(JSON.stringify(theirs));
    expect(read('ours.id')).toBe(read('theirs.id'));
  }
});

test('docker load takes an index, where Docker has the containerd image store', async () => {
  lay();
  expect(await rig.run(['--platform', ALL, '-t', 'wbuild-test/several:1', 'ctx'])).toMatchObject({ code: 0 });
  try {
    expect(peer('docker', 'load', '-i', inside(rig, 'image.tar'))).toContain('wbuild-test/several:1');
    const id = peer('docker', 'images', '--no-trunc', '-q', 'wbuild-test/several:1').trim();
    const layout = JSON.parse(peer('tar', '-xOf', inside(rig, 'image.tar'), 'index.json'));
    expect(id).toBe(layout.manifests[0].digest);
  } finally {
    peer('docker', 'rmi', 'wbuild-test/several:1');
  }
});
