/** Attestations beside those of BuildKit, part for part; and what other programs find in a registry. docs/attestations.md lists what differs. */
import fs from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { type AnyJson, type ReadAttested, readAttested } from '../read-attested.js';
import { inside, peer, REGISTRY, usePeersRig } from './peers.js';

const rig = usePeersRig();
const RUN = `wbuild-test/${process.pid}-${Date.now()}`;
const ENV = { SOURCE_DATE_EPOCH: '5' };

const DOCKERFILE = [
  'FROM scratch AS base',
  'COPY app.wasm /',
  'FROM scratch AS tools',
  'COPY --chown=7:8 data /opt/data/',
  'FROM base AS final',
  'COPY --link data/a /d/',
  'COPY --link data/b /e/',
  'COPY --from=tools --chown=0 /opt /opt',
  'COPY <<EOF /etc/motd',
  'hello <&> $PATH',
  'EOF',
  'ENTRYPOINT ["app.wasm"]',
].join('\n');

function lay(): void {
  rig.write({
    'c/Dockerfile': DOCKERFILE,
    'c/extra.Dockerfile': 'FROM scratch\nCOPY --from=extra . /x/\nCOPY data /\n',
    'c/app.wasm': '\0asm\x01\0\0\0',
    'c/data/a': 'a',
    'c/data/b': 'b',
    'extra/one': '1',
  });
}

/** Builds with both, and reads both. Nothing comes from a cache of BuildKit's, which would leave out what it did not do. */
async function both(args: readonly string[], attest: string): Promise<{ ours: ReadAttested; theirs: ReadAttested }> {
  lay();
  const given = args.map((arg) => arg.replace('@', ''));
  const output = (name: string) => `type=oci,dest=${name},compression=uncompressed`;
  const there = args.map((arg) =>
    arg.startsWith('@') ? inside(rig, arg.slice(1)) : arg.replace('=@', `=${inside(rig)}/`),
  );
  const build = ['SOURCE_DATE_EPOCH=5', 'docker', 'buildx', 'build', '--no-cache', '--attest', attest, ...there];
  const fixed = ',rewrite-timestamp=true,force-compression=true';
  peer(...build, '-o', output(inside(rig, 'theirs.tar')) + fixed, inside(rig, 'c'));
  const result = await rig.run(['build', '--attest', attest, ...given, '-o', output('ours.tar'), 'c'], { env: ENV });
  if (result.code !== 0) throw new Error(result.stderr);
  return { ours: await readAttested(rig.path('ours.tar')), theirs: await readAttested(rig.path('theirs.tar')) };
}

const json = (value: unknown) => JSON.parse(JSON.stringify(value));

/** An index, or a manifest of statements, without the digests and sizes that follow from the statements. */
function shape(value: AnyJson): AnyJson {
  const copy = json(value);
  for (const descriptor of [copy.config, ...(copy.layers ?? []), ...(copy.manifests ?? [])]) {
    if (!descriptor || (descriptor.platform && descriptor.platform.os !== 'unknown')) continue;
    delete descriptor.digest;
    delete descriptor.size;
  }
  return copy;
}

/** A statement without what differs by nature; what BuildKit says of the same builds in each of its versions is the rest. */
function determinate(statement: AnyJson): AnyJson {
  const copy = json(statement);
  const { predicate } = copy;
  delete copy._type; // Statement/v0.1 before 0.31
  delete predicate.materials; // BuildKit takes no digest of a context
  const { metadata, invocation, buildConfig } = predicate;
  delete metadata.completeness.materials;
  delete metadata['https://mobyproject.org/buildkit@v1#hermetic'];
  for (const name of ['buildInvocationID', 'buildStartedOn', 'buildFinishedOn', 'reproducible']) delete metadata[name];
  delete invocation.environment.platform; // of the builder
  const { parameters } = invocation;
  delete parameters.args?.['frontend.caps']; // what client and daemon have agreed on
  delete parameters.args?.['no-cache']; // changes nothing
  if (Object.keys(parameters.args ?? {}).length === 0) delete parameters.args;
  const more = metadata['https://mobyproject.org/buildkit@v1#metadata'];
  delete more.layers; // of the cache of the daemon
  for (const info of more.source?.infos ?? []) {
    delete info.llbDefinition; // how the daemon read the Dockerfile
    delete info.digestMapping;
  }
  for (const [step, where] of Object.entries(more.source?.locations ?? {}))
    if (Object.keys(where as object).length === 0) delete more.source.locations[step];
  delete buildConfig?.digestMapping; // covers the id of the session
  for (const { op } of buildConfig?.llbDefinition ?? []) {
    op.Op ??= {}; // null in older versions
    for (const input of op.Op.merge?.inputs ?? []) if (input.input === 0) delete input.input;
    for (const { Action } of op.Op.file?.actions ?? [])
      for (const who of Object.values<AnyJson>(Action.copy?.owner ?? {})) {
        const { byID } = who.User; // byId since
        if (byID !== undefined) who.User = byID === 0 ? {} : { byId: byID };
      }
    const hint = op.Op.source?.attrs;
    if (hint) delete hint['local.sharedkeyhint']; // a word about caching, which newer versions spell otherwise
  }
  return copy;
}

const CASES: readonly (readonly [about: string, args: readonly string[], attest: string])[] = [
  [
    'stages, owners, links and a heredoc',
    ['--platform', 'wasi/wasm', '-t', 'localhost:5000/Team/a:1'.toLowerCase()],
    'type=provenance,mode=max,version=v0.2',
  ],
  [
    'a target, labels and two names',
    [
      '--platform',
      'linux/amd64',
      '--target',
      'tools',
      '--label',
      'b=<1>',
      '--label',
      'a=2',
      '-t',
      'app',
      '-t',
      'x/y:2',
    ],
    'type=provenance,mode=max,version=v0.2',
  ],
  [
    'the least, without a name',
    ['--platform', 'linux/arm64', '--label', 'a=2'],
    'type=provenance,mode=min,version=v0.2',
  ],
  [
    'several platforms',
    ['--platform', 'wasi/wasm,linux/amd64,linux/arm/v7', '-t', 'a:1'],
    'type=provenance,mode=max,version=v0.2',
  ],
  [
    'annotations',
    [
      '--platform',
      'wasi/wasm',
      '--annotation',
      'index:k=v',
      '--annotation',
      'manifest[wasi/wasm]:a=b',
      '--annotation',
      'manifest-descriptor:c=d',
    ],
    'type=provenance,mode=min,version=v0.2',
  ],
  [
    'a builder and another Dockerfile',
    ['--platform', 'wasi/wasm', '-f', '@c/extra.Dockerfile', '--build-context', 'extra=@extra'],
    'type=provenance,mode=max,version=v0.2,builder-id=https://example.com/ci/7',
  ],
];

describe.each(CASES)('%s', (_about, args, attest) => {
  test('is attested as by BuildKit', async () => {
    const { ours, theirs } = await both(args, attest);
    expect(theirs.attestations.length).toBeGreaterThan(0);
    expect(ours.images).toEqual(theirs.images);
    // the order of fields is theirs too
    expect(JSON.stringify(shape(ours.index))).toBe(JSON.stringify(shape(theirs.index)));
    expect({ ...ours.root, digest: '', size: 0 }).toEqual({ ...theirs.root, digest: '', size: 0 });
    for (const [i, attestation] of ours.attestations.entries()) {
      const other = theirs.attestations[i]!;
      expect(attestation.listed.annotations).toEqual(other.listed.annotations);
      expect(JSON.stringify(shape(attestation.manifest))).toBe(JSON.stringify(shape(other.manifest)));
      expect(Object.keys(attestation.config)).toEqual(Object.keys(other.config));
      expect(attestation.config.rootfs.diff_ids).toEqual(attestation.manifest.layers.map((l: AnyJson) => l.digest));
      expect(attestation.statements.map(determinate)).toEqual(other.statements.map(determinate));
    }
  });
});

test.each([
  ['type=tar', 'linux/amd64'],
  ['type=local', 'linux/amd64'],
  ['type=local,platform-split=false,attestation-prefix=x-', 'linux/amd64,linux/arm64'],
  ['type=local', 'linux/amd64,linux/arm64'],
])('%s for %s has the statements where BuildKit has them', async (output, platform) => {
  rig.write({
    'c/Dockerfile': 'FROM scratch\nCOPY data/$A /data/\n'.replace('/$A', ''),
    'c/data/a': 'a',
    'c/data/b/c': 'c',
    'c/data/b.c': '',
  });
  // without folders for each, platforms must have nothing in common
  if (output.includes('split=false'))
    rig.write({
      'c/Dockerfile':
        'FROM scratch AS amd64\nCOPY data/a /1\nFROM scratch AS arm64\nCOPY data/a /2\nFROM $TARGETARCH\n',
    });
  const attest = ['--attest', 'type=provenance,mode=min,version=v0.2,filename=made.json', '--platform', platform];
  peer(
    'SOURCE_DATE_EPOCH=5',
    'docker',
    'buildx',
    'build',
    ...attest,
    '-o',
    `${output},dest=${inside(rig, 'theirs')}`,
    inside(rig, 'c'),
  );
  expect(await rig.run([...attest, '-o', `${output},dest=ours`, 'c'], { env: ENV })).toMatchObject({ code: 0 });
  for (const name of ['ours', 'theirs']) {
    if (!fs.statSync(rig.path(name)).isFile()) continue;
    fs.mkdirSync(rig.path(`${name}.files`));
    peer('tar', '-xpf', inside(rig, name), '-C', inside(rig, `${name}.files`));
  }
  const read = (name: string) => {
    const root = rig.path(fs.existsSync(rig.path(`${name}.files`)) ? `${name}.files` : name);
    return (fs.readdirSync(root, { recursive: true }) as string[]).sort().map((file) => {
      const { mode, mtimeMs } = fs.statSync(`${root}/${file}`);
      if (!file.endsWith('made.json') && !file.includes('made.linux_')) return [file, mode, mtimeMs];
      const text = fs.readFileSync(`${root}/${file}`, 'utf8');
      expect(text).toBe(JSON.stringify(JSON.parse(text), null, 2));
      return [file, mode, mtimeMs, determinate(JSON.parse(text))];
    });
  };
  expect(read('ours')).toEqual(read('theirs'));
});

test('an archive for Docker is refused by both', async () => {
  lay();
  const attest = ['--attest', 'type=provenance,mode=min', '--platform', 'wasi/wasm'];
  const there = `type=docker,dest=${inside(rig, 'theirs.tar')}`;
  expect(() => peer('docker', 'buildx', 'build', ...attest, '-o', there, inside(rig, 'c'))).toThrow(/manifest lists/);
  const result = await rig.run([...attest, '-o', 'type=docker,dest=ours.tar', 'c']);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain('-o type=docker holds one image');
  expect(rig.list()).not.toContain('ours.tar');
});

describe('in a registry', () => {
  const build = async (name: string, ...more: string[]) => {
    lay();
    const args = ['--platform', 'wasi/wasm,linux/amd64', '-t', name, '--attest', 'type=provenance', '--sbom=true'];
    const result = await rig.run([...args, '--push', '--metadata-file', 'm.json', ...more, 'c']);
    if (result.code !== 0) throw new Error(result.stderr);
    return JSON.parse(fs.readFileSync(rig.path('m.json'), 'utf8'))['containerimage.digest'] as string;
  };

  test.each([
    ['with a config', []],
    ['as artifacts', ['-o', 'type=registry,oci-artifact=true']],
  ])('docker, skopeo and oras read the attestations, %s', async (_about, more) => {
    const name = `${REGISTRY}/${RUN}:${more.length}`;
    const digest = await build(name, ...more);
    const inspect = (what: string) =>
      JSON.parse(peer('docker', 'buildx', 'imagetools', 'inspect', '--format', `{{json .${what}}}`, name));
    for (const platform of ['wasi/wasm', 'linux/amd64']) {
      const provenance = inspect('Provenance')[platform].SLSA;
      expect(provenance.buildDefinition.resolvedDependencies).toHaveLength(2);
      expect(provenance.runDetails.metadata.buildkit_hermetic).toBe(true);
      const sbom = inspect('SBOM')[platform].SPDX;
      expect(sbom).toMatchObject({ spdxVersion: 'SPDX-2.3', SPDXID: 'SPDXRef-DOCUMENT' });
      expect(sbom.files.map((f: AnyJson) => f.fileName)).toContain('./app.wasm');
    }
    const index: AnyJson = JSON.parse(peer('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${name}`));
    expect(index.manifests).toHaveLength(4);
    const [, , first] = index.manifests;
    const manifest = JSON.parse(
      peer('oras', 'manifest', 'fetch', '--plain-http', `${REGISTRY}/${RUN}@${first.digest}`),
    );
    expect(manifest.layers.map((l: AnyJson) => l.annotations['in-toto.io/predicate-type'])).toEqual([
      'https://spdx.dev/Document',
      'https://slsa.dev/provenance/v1',
    ]);
    peer('skopeo', 'copy', '--all', '--src-tls-verify=false', `docker://${name}`, `oci:${inside(rig, 'copied')}:x`);
    const copied = JSON.parse(fs.readFileSync(rig.path('copied/index.json'), 'utf8'));
    expect(copied.manifests[0].digest).toBe(digest);
    const inspected = await rig.run(['inspect', 'copied']);
    expect(inspected.stdout.match(/attested/g)).toHaveLength(4);
  });

  test('docker pulls the image of one platform, and takes the whole by --load', async () => {
    const name = `${REGISTRY}/${RUN}-load:1`;
    const digest = await build(name);
    peer('docker', 'pull', '--platform', 'wasi/wasm', name);
    expect(peer('docker', 'images', '--no-trunc', '-q', name).trim()).toBe(digest);
    peer('docker', 'rmi', name);
    const env = { DOCKER_HOST: `unix://${process.env.PEERS_DOCKER_SOCKET}` };
    const args = ['--platform', 'wasi/wasm', '-t', name, '--attest', 'type=provenance', '--load', 'c'];
    const loaded = await rig.run(args, { env });
    expect(loaded).toMatchObject({ code: 0 });
    const id = peer('docker', 'images', '--no-trunc', '-q', name).trim();
    expect(loaded.stderr).toContain(`index     ${id}`);
    peer('docker', 'rmi', name);
  });

  test('an attested image of wasi is hidden from who does not ask for its platform, and a plain one is not', async () => {
    lay();
    const name = `${REGISTRY}/${RUN}-wasi`;
    const common = ['--platform', 'wasi/wasm', '--push'];
    expect(await rig.run([...common, '-t', `${name}:plain`, 'c'])).toMatchObject({ code: 0 });
    expect(await rig.run([...common, '-t', `${name}:attested`, '--provenance=true', 'c'])).toMatchObject({ code: 0 });
    const skopeo = (tag: string, ...more: string[]) =>
      peer('skopeo', ...more, 'copy', '--src-tls-verify=false', `docker://${name}:${tag}`, `dir:${inside(rig, tag)}`);
    // what docs/attestations.md warns of
    peer('docker', 'pull', `${name}:plain`);
    expect(() => peer('docker', 'pull', `${name}:attested`)).toThrow('no match for platform in manifest');
    skopeo('plain');
    expect(() => skopeo('attested')).toThrow('no image found in image index for architecture');
    // and the way out
    peer('docker', 'pull', '--platform', 'wasi/wasm', `${name}:attested`);
    skopeo('attested', '--override-os', 'wasi', '--override-arch', 'wasm');
    peer('docker', 'rmi', `${name}:plain`, `${name}:attested`);
  });

  test('what BuildKit attested goes through the store, and back, as it was', async () => {
    lay();
    const [name, again] = [`${REGISTRY}/${RUN}-theirs:1`, `${REGISTRY}/${RUN}-again:1`];
    const args = ['--platform', 'wasi/wasm,linux/amd64', '--attest', 'type=provenance,mode=max', '-t', name, '--push'];
    peer('docker', 'buildx', 'build', ...args, inside(rig, 'c'));
    const raw = (of: string) => peer('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${of}`);
    expect(await rig.run(['pull', name])).toMatchObject({ code: 0 });
    expect(await rig.run(['tag', name, again])).toMatchObject({ code: 0 });
    expect(await rig.run(['push', again])).toMatchObject({ code: 0 });
    expect(raw(again)).toBe(raw(name));
    expect(JSON.parse((await rig.run(['images', '--json'])).stdout)).toMatchObject([
      { platform: 'wasi/wasm,linux/amd64' },
      { platform: 'wasi/wasm,linux/amd64' },
    ]);
    expect(await rig.run(['save', again, '--type', 'oci', '-o', 'saved.tar'])).toMatchObject({ code: 0 });
    expect((await readAttested(rig.path('saved.tar'))).attestations).toHaveLength(2);
  });
});
