/** Media types of compressed layers: BuildKit's own images beside ours, all but the bytes of the compressor, which are each one's own. */
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { inside, peer, REGISTRY, usePeersRig } from './peers.js';

const rig = usePeersRig();

/** Later than the times of the files. */
const EPOCH = '1800000000';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** What both have to say alike: everything but digest and size of the layers, and so of the manifest. */
function alike<T extends Manifest>(manifest: T) {
  return { ...manifest, layers: manifest.layers.map(({ digest: _, size: __, ...rest }) => rest) };
}

function lay(): void {
  rig.write({
    'c/Dockerfile': 'FROM scratch\nCOPY a /\nCOPY b /\nENTRYPOINT ["a"]\n',
    'c/a': { content: 'a'.repeat(100_000), mode: 0o755 },
    'c/b': 'b',
  });
}

/** An image by BuildKit, and the same one by wbuild. */
async function both(args: readonly string[], output: (name: string) => string): Promise<void> {
  lay();
  // dockerd does not rewrite the times of what it keeps; files older than the epoch have no other time anyway
  const fixed = `,force-compression=true${output('').startsWith('type=image') ? '' : ',rewrite-timestamp=true'}`;
  const build = [
    `SOURCE_DATE_EPOCH=${EPOCH}`,
    'docker',
    'buildx',
    'build',
    '--provenance=false',
    '--no-cache',
    ...args,
  ];
  peer(...build, '-o', output('theirs') + fixed, inside(rig, 'c'));
  const result = await rig.run(['build', ...args, '-o', output('ours'), 'c'], {
    env: { SOURCE_DATE_EPOCH: EPOCH },
  });
  expect(result).toMatchObject({ code: 0 });
}

const FORMS = ['gzip', 'zstd', 'uncompressed'].flatMap((compression) =>
  ['true', 'false'].map((oci) => `oci-mediatypes=${oci},compression=${compression}`),
);

/** The documents of an archive. Layers are not looked into: this Node need not know zstd. */
function documents(archive: string) {
  const read = (file: string) =>
    JSON.parse(execFileSync('tar', ['-xOf', rig.path(archive), file], { encoding: 'utf8' }));
  const blob = (digest: string) => read(`blobs/${digest.replace(':', '/')}`);
  const index = read('index.json') as { readonly manifests: readonly Descriptor[] };
  const manifest = blob(index.manifests[0]!.digest) as Manifest;
  const named = { ...index, manifests: index.manifests.map(({ digest: _, size: __, ...rest }) => rest) };
  return { index: named, manifest: alike(manifest), config: blob(manifest.config.digest) };
}

test.each(FORMS.flatMap((form) => ['oci', 'docker'].map((type) => `type=${type},${form}`)))('%s', async (form) => {
  const dest = (name: string) => (name === 'theirs' ? inside(rig, 'theirs.tar') : 'ours.tar');
  await both(['--platform', 'wasi/wasm', '-t', 'a:1'], (name) => `${form},dest=${dest(name)}`);
  expect(documents('ours.tar')).toEqual(documents('theirs.tar')); // the config has the diff IDs
});

test.each(FORMS)('type=image,%s, as a registry has it', async (form) => {
  const repository = `wbuild-test/media-${process.pid}-${Date.now()}`;
  const name = (who: string) => `${REGISTRY}/${repository}-${who}:1`;
  await both(['--platform', 'wasi/wasm'], (who) => `type=image,push=true,${form},name=${name(who)}`);
  const fetch = (who: string) => peer('oras', 'manifest', 'fetch', '--plain-http', name(who));
  const [theirs, ours] = ['theirs', 'ours'].map((who) => JSON.parse(fetch(who)) as Manifest);
  peer('docker', 'rmi', name('theirs')); // which the daemon keeps
  // that it was rewritten is what only those say that rewrite
  const plain = ours!.layers.map(({ annotations: _, ...rest }) => rest);
  expect(alike({ ...ours!, layers: plain })).toEqual(alike(theirs!));
});
