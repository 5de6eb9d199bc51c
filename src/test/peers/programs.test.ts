/** What other people's programs make of our images: they take every output type, and find in it what we put there. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { digestOf, type ReadDescriptor, type ReadImage, readImage } from '../read-image.js';
import { inside, peer, REGISTRY, usePeersRig } from './peers.js';

const NAME = 'moimhossain/dotnet-wasi-helloworld:alpha';
const GREETING = 'Hello from a WASI module in an image that wbuild made!\n';
const rig = usePeersRig();
let module: Buffer;

beforeEach(() => {
  rig.copy('hello-wasi');
  module = fs.readFileSync(rig.path('SampleApp/bin/debug/net7.0/SampleApp.wasm'));
});

async function build(output: string, dest: string, platform = 'wasi/wasm'): Promise<ReadImage> {
  const args = ['-f', 'Dockerfile', '--platform', platform, '-t', NAME, '-o', `${output},dest=${dest}`, '.'];
  expect(await rig.run(args)).toMatchObject({ code: 0 });
  return readImage(rig.path(dest));
}

const idOf = (image: ReadImage) => image.index.manifests[0]!.digest;

/** Every output type that holds an image, and how containers-transports(5) names it. */
const OUTPUTS = [
  { output: 'type=docker', dest: 'image.tar', transports: ['docker-archive:', 'oci-archive:'], ref: '' },
  {
    output: 'type=docker,compression=uncompressed',
    dest: 'image.tar',
    transports: ['docker-archive:', 'oci-archive:'],
    ref: '',
  },
  { output: 'type=oci', dest: 'image.tar', transports: ['oci-archive:'], ref: '' },
  { output: 'type=oci,compression=uncompressed', dest: 'image.tar', transports: ['oci-archive:'], ref: '' },
  { output: 'type=oci,tar=false', dest: 'layout', transports: ['oci:'], ref: ':alpha' },
] as const;

describe('docker', () => {
  test.each(OUTPUTS.filter(({ dest }) => dest === 'image.tar'))(
    'loads $output, lists it, and gives the module back',
    async ({ output, dest }) => {
      const image = await build(output, dest);
      try {
        expect(peer('docker', 'load', '-i', inside(rig, dest))).toContain(`Loaded image: ${NAME}`);
        // with containerd's image store, the ID of an image is the digest of its manifest
        const listed = peer(
          'docker',
          'images',
          '--no-trunc',
          '--format',
          '{{.Repository}}:{{.Tag}} {{.ID}}',
          NAME.split(':')[0]!,
        );
        expect(listed).toBe(`${NAME} ${idOf(image)}\n`);
        const [inspected] = JSON.parse(peer('docker', 'image', 'inspect', NAME));
        expect(inspected).toMatchObject({
          Id: idOf(image),
          Os: 'wasi',
          Architecture: 'wasm',
          RepoTags: [NAME],
          Created: '1970-01-01T00:00:00Z',
        });
        expect(inspected.Config.Entrypoint).toEqual(['SampleApp.wasm']);
        expect(inspected.RootFS.Layers).toEqual(image.layers.map((layer) => layer.diffID));

        const container = peer('docker', 'create', '--platform', 'wasi/wasm', NAME).trim(); // unpacks the layers
        peer('docker', 'rm', container);
        expect(takeOut()).toEqual(module);
      } finally {
        peer('docker', 'image', 'rm', '-f', NAME);
      }
    },
  );

  /** By a build that copies from the image: `docker cp` cannot change its root where dockerd itself runs in a chroot. */
  function takeOut(): Buffer {
    rig.write({ 'take/Dockerfile': `FROM scratch\nCOPY --from=${NAME} /SampleApp.wasm /\n` });
    peer(
      'docker',
      'buildx',
      'build',
      '--platform',
      'wasi/wasm',
      '-o',
      `type=local,dest=${inside(rig, 'taken')}`,
      inside(rig, 'take'),
    );
    return fs.readFileSync(rig.path('taken/SampleApp.wasm'));
  }

  test('saves what it loaded with the same digests', async () => {
    const image = await build('type=docker', 'image.tar');
    try {
      peer('docker', 'load', '-i', inside(rig, 'image.tar'));
      peer('docker', 'save', '-o', inside(rig, 'saved.tar'), NAME);
      const saved = await readImage(rig.path('saved.tar'));
      expect(idOf(saved)).toBe(idOf(image));
      expect(saved.layers).toEqual(image.layers);
    } finally {
      peer('docker', 'image', 'rm', '-f', NAME);
    }
  });
});

describe('skopeo', () => {
  const cases = OUTPUTS.flatMap(({ transports, ...rest }) => transports.map((transport) => ({ transport, ...rest })));

  test.each(cases)('inspects and copies $output as $transport', async ({ output, dest, transport, ref }) => {
    const image = await build(output, dest);
    const source = `${transport}${inside(rig, dest)}${ref}`;
    expect(JSON.parse(peer('skopeo', 'inspect', source))).toMatchObject({
      Os: 'wasi',
      Architecture: 'wasm',
      Created: '1970-01-01T00:00:00Z',
    });
    expect(JSON.parse(peer('skopeo', 'inspect', '--config', source)).rootfs.diff_ids).toEqual(
      image.layers.map((l) => l.diffID),
    );

    const diffIDs = image.layers.map((layer) => layer.diffID);
    peer('skopeo', 'copy', source, `dir:${inside(rig, 'copy')}`); // as it is, whatever its media types
    const manifest = JSON.parse(fs.readFileSync(rig.path('copy/manifest.json'), 'utf8'));
    expect(manifest.config.digest).toBe(image.manifest.config.digest);
    expect(manifest.layers.map(({ digest }: ReadDescriptor) => diffIDOf(rig.path('copy', digest.slice(7))))).toEqual(
      diffIDs,
    );

    peer('skopeo', 'copy', source, `oci:${inside(rig, 'converted')}:converted`); // to OCI media types, where they are Docker's
    const converted = await readImage(rig.path('converted'));
    expect(converted.layers.map((layer) => layer.diffID)).toEqual(diffIDs);
    expect(converted.layers[0]!.entries[0]!.bytes).toEqual(module);
    if (!transport.startsWith('docker'))
      expect(peer('skopeo', 'inspect', '--format', '{{.Digest}}', source).trim()).toBe(idOf(image));
  });
});

/** skopeo writes the layers of a docker-archive uncompressed. */
function diffIDOf(layer: string): string {
  const bytes = fs.readFileSync(layer);
  return digestOf(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
}

describe('umoci', () => {
  test('unpacks the layout', async () => {
    await build('type=oci,tar=false', 'layout', 'linux/amd64');
    peer('umoci', 'unpack', '--image', `${inside(rig, 'layout')}:alpha`, inside(rig, 'bundle'));
    expect(fs.readFileSync(rig.path('bundle/rootfs/SampleApp.wasm'))).toEqual(module);
    expect(JSON.parse(fs.readFileSync(rig.path('bundle/config.json'), 'utf8')).process.args).toEqual([
      'SampleApp.wasm',
    ]);
  });

  test('unpacks the root filesystem of wasi/wasm, for which it makes no bundle, and lists the history', async () => {
    const image = await build('type=oci,tar=false', 'layout');
    peer('umoci', 'raw', 'unpack', '--image', `${inside(rig, 'layout')}:alpha`, inside(rig, 'root'));
    expect(fs.readFileSync(rig.path('root/SampleApp.wasm'))).toEqual(module);
    const { history } = JSON.parse(peer('umoci', 'stat', '--json', '--image', `${inside(rig, 'layout')}:alpha`));
    expect(history.map((step: { created_by: string }) => step.created_by)).toEqual(
      image.config.history!.map((step) => step.created_by),
    );
  });
});

describe('oras', () => {
  test('fetches the manifest from the layout by name and by digest', async () => {
    const image = await build('type=oci,tar=false', 'layout');
    for (const ref of [':alpha', `@${idOf(image)}`]) {
      const text = peer('oras', 'manifest', 'fetch', '--oci-layout', `${inside(rig, 'layout')}${ref}`);
      expect(JSON.parse(text)).toEqual(image.manifest);
      const descriptor = peer(
        'oras',
        'manifest',
        'fetch',
        '--descriptor',
        '--oci-layout',
        `${inside(rig, 'layout')}${ref}`,
      );
      expect(JSON.parse(descriptor).digest).toBe(idOf(image));
    }
  });

  test('pushes the layout to a registry, where the digest is the same', async () => {
    const image = await build('type=oci,tar=false', 'layout');
    const target = `${REGISTRY}/oras/hello:alpha`;
    peer('oras', 'copy', '--from-oci-layout', `${inside(rig, 'layout')}:alpha`, '--to-plain-http', target);
    const digest = peer('skopeo', 'inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${target}`);
    expect(digest.trim()).toBe(idOf(image));
  });
});

describe('wasmedge', () => {
  test('runs the module out of the image', async () => {
    const image = await build('type=docker', 'image.tar');
    const [entry] = image.layers[0]!.entries;
    fs.writeFileSync(rig.path('from-image.wasm'), entry!.bytes);
    expect(peer('wasmedge', inside(rig, 'from-image.wasm'))).toBe(GREETING);
  });

  test('runs the module that umoci unpacks', async () => {
    await build('type=oci,tar=false', 'layout');
    peer('umoci', 'raw', 'unpack', '--image', `${inside(rig, 'layout')}:alpha`, inside(rig, 'root'));
    expect(peer('wasmedge', inside(rig, 'root/SampleApp.wasm'))).toBe(GREETING);
  });
});

describe('gzip', () => {
  /** Inflates one member as zlib defines it, and wants it to be all there is: Python's zlib is not Node's. */
  const STRICT = [
    'import sys, zlib',
    'd = zlib.decompressobj(31)',
    'out = d.decompress(sys.stdin.buffer.read()) + d.flush()',
    'assert d.eof and not d.unused_data, "not one whole member"',
    'sys.stdout.buffer.write(out)',
  ].join('\n');

  test.each([1_000, 3_000_000, 20_000_000])(
    'of a layer with %d bytes is one member, whole for every reader',
    async (size) => {
      rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n', 'ctx/a': text(size) });
      expect(await rig.run(['-o', 'type=oci,tar=false,dest=layout', 'ctx'])).toMatchObject({ code: 0 });
      const { layers } = await readImage(rig.path('layout'));
      const { digest } = layers[0]!.descriptor;
      const blob = rig.path('layout/blobs', digest.replace(':', '/'));
      expect(spawnSync('gzip', ['-t'], { input: fs.readFileSync(blob) }).status).toBe(0);
      const python = spawnSync('python3', ['-c', STRICT], { input: fs.readFileSync(blob), maxBuffer: 2 ** 30 });
      expect(String(python.stderr)).toBe('');
      expect(
        python.stdout.equals(spawnSync('gzip', ['-dc'], { input: fs.readFileSync(blob), maxBuffer: 2 ** 30 }).stdout),
      ).toBe(true);
    },
  );

  /** Words that compress about as well as prose. */
  function text(size: number): string {
    let out = '';
    for (let i = 1; out.length < size; i++) out += `${((i * 2_654_435_761) % 4_294_967_296).toString(36)} and so on, `;
    return out.slice(0, size);
  }
});
