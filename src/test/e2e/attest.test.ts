/** Attestations through the built program. That they are attached as BuildKit attaches them, and read by others: ../peers/attest.test.ts. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { startFakeRegistry } from '../fake-registry.js';
import { type AnyJson, readAttested } from '../read-attested.js';
import { digestOf } from '../read-image.js';
import { useRig } from '../rig.js';

const rig = useRig();

const hex = (algorithm: string, data: string | Uint8Array) => createHash(algorithm).update(data).digest('hex');
const leb = (value: number) => Buffer.from([value]);
const text = (value: string) => Buffer.concat([leb(value.length), Buffer.from(value)]);

/** A custom section `producers`. */
function producers(fields: Readonly<Record<string, readonly (readonly [string, string])[]>>): Buffer {
  const lists = Object.entries(fields).map(([field, values]) =>
    Buffer.concat([
      text(field),
      leb(values.length),
      ...values.flatMap(([name, version]) => [text(name), text(version)]),
    ]),
  );
  const content = Buffer.concat([text('producers'), leb(lists.length), ...lists]);
  return Buffer.concat([leb(0), leb(content.length), content]);
}

const EMPTY_MODULE = Buffer.from('\0asm\x01\0\0\0', 'latin1');
const MODULE = Buffer.concat([
  EMPTY_MODULE,
  producers({
    language: [['Rust', '']],
    'processed-by': [
      ['rustc', '1.80.0'],
      ['walrus', '0.20'],
    ],
    sdk: [['kit', '2']],
  }),
]);
/** A component around a module of another compiler. */
const COMPONENT = Buffer.concat([
  Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]),
  ...[Buffer.concat([EMPTY_MODULE, producers({ 'processed-by': [['clang', '18']] })])].map((inner) =>
    Buffer.concat([leb(1), leb(inner.length), inner]),
  ),
  producers({ 'processed-by': [['wit-component', '0.2']] }),
]);

const DOCKERFILE = [
  'FROM scratch AS base',
  'COPY app.wasm lib/ /app/',
  'FROM base',
  'COPY --from=assets . /assets/',
  'COPY <<EOF /motd',
  'hi',
  'EOF',
  'ENTRYPOINT ["/app/app.wasm"]',
].join('\n');

function lay(under = ''): void {
  rig.write({
    [`${under}c/Dockerfile`]: DOCKERFILE,
    [`${under}c/app.wasm`]: MODULE,
    [`${under}c/lib/b.wasm`]: COMPONENT,
    [`${under}c/lib/run`]: { content: '#!', mode: 0o755 },
    [`${under}c/lib/link`]: { symlink: 'run' },
    [`${under}c/unused`]: 'not copied',
    [`${under}assets/b`]: 'b',
    [`${under}assets/a.txt`]: 'a',
  });
}

const ALL = [
  '--attest',
  'type=provenance',
  '--sbom=true',
  '--platform',
  'wasi/wasm',
  '--build-context',
  'assets=assets',
];

async function build(args: readonly string[], options: Parameters<typeof rig.run>[1] = {}) {
  const result = await rig.run(args, options);
  if (result.code !== 0) throw new Error(`${args.join(' ')}:\n${result.stderr}`);
  return result;
}

async function attested(args: readonly string[], options: Parameters<typeof rig.run>[1] = {}) {
  await build([...args, '-o', 'type=oci,dest=i.tar', 'c'], options);
  const read = await readAttested(rig.path('i.tar'));
  const [sbom, provenance] = read.attestations[0]!.statements;
  return { ...read, sbom, provenance };
}

describe('provenance', () => {
  test('says what was asked, what it was made of, and how, and nothing of the machine', async () => {
    lay();
    const args = [...ALL, '-t', 'team/app:1', '--label', 'b=<x>', '--label', 'a=1'];
    const { provenance, images, attestations } = await attested(args, { env: { SOURCE_DATE_EPOCH: '7' } });
    expect(attestations[0]!.manifest.layers[1].annotations).toEqual({
      'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1',
    });
    expect(Object.keys(provenance)).toEqual(['_type', 'predicateType', 'subject', 'predicate']);
    expect(provenance.subject).toEqual([
      {
        name: 'pkg:docker/team/app@1?platform=wasi%2Fwasm',
        digest: { sha256: images[0].digest.replace('sha256:', '') },
      },
    ]);
    const { buildDefinition, runDetails } = provenance.predicate;
    expect(Object.keys(provenance.predicate)).toEqual(['buildDefinition', 'runDetails']);
    const { internalParameters, resolvedDependencies, ...definition } = buildDefinition;
    expect(definition).toEqual({
      buildType: 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md',
      externalParameters: {
        configSource: { path: 'Dockerfile' },
        request: {
          frontend: 'dockerfile.v0',
          args: {
            'build-arg:SOURCE_DATE_EPOCH': '7',
            'context:assets': 'local:assets',
            'label:a': '1',
            'label:b': '<x>',
          },
          locals: [{ name: 'assets' }, { name: 'context' }, { name: 'dockerfile' }],
        },
      },
    });

    // taken here as docs/attestations.md says: sha256sum of the files, and of that list
    const dirHash = (files: Readonly<Record<string, string | Uint8Array>>) =>
      hex(
        'sha256',
        Object.entries(files)
          .map(([name, data]) => `${hex('sha256', data)}  ${name}\n`)
          .join(''),
      );
    const listing = (...lines: readonly (readonly string[])[]) =>
      hex('sha256', lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(resolvedDependencies).toEqual([
      {
        uri: 'local://assets',
        digest: {
          dirHash: dirHash({ 'a.txt': 'a', b: 'b' }),
          sha256: listing(['a.txt', 'file', hex('sha256', 'a')], ['b', 'file', hex('sha256', 'b')]),
        },
      },
      {
        uri: 'local://context',
        digest: {
          dirHash: dirHash({ 'app.wasm': MODULE, 'lib/b.wasm': COMPONENT, 'lib/run': '#!' }),
          sha256: listing(
            ['app.wasm', 'file', hex('sha256', MODULE)],
            ['lib', 'directory'],
            ['lib/b.wasm', 'file', hex('sha256', COMPONENT)],
            ['lib/link', 'symlink', 'run'],
            ['lib/run', 'executable', hex('sha256', '#!')],
          ),
        },
      },
      { uri: 'local://dockerfile', digest: { sha256: hex('sha256', DOCKERFILE) } },
    ]);

    expect(Object.keys(internalParameters)).toEqual(['buildConfig']);
    const { llbDefinition, digestMapping } = internalParameters.buildConfig;
    const ids = llbDefinition.map((step: AnyJson) => step.id);
    expect(ids).toEqual(ids.map((_: string, i: number) => `step${i}`));
    expect(Object.values(digestMapping).sort()).toEqual([...ids].sort());
    for (const [i, { inputs = [] }] of llbDefinition.entries())
      for (const input of inputs) expect(Number(/^step(\d+):0$/.exec(input)![1])).toBeLessThan(i);

    const { metadata, ...run } = runDetails;
    expect(run).toEqual({ builder: { id: '' } });
    expect(Object.keys(metadata)).toEqual([
      'buildkit_metadata',
      'buildkit_hermetic',
      'buildkit_completeness',
      'buildkit_reproducible',
    ]);
    expect(metadata).toMatchObject({
      buildkit_hermetic: true,
      buildkit_completeness: { request: true, resolvedDependencies: true },
      buildkit_reproducible: true,
    });
    const { source, layers } = metadata.buildkit_metadata;
    expect(Buffer.from(source.infos[0].data, 'base64').toString()).toBe(DOCKERFILE);
    const lines = Object.values<AnyJson>(source.locations).map(({ locations }) =>
      locations.map((l: AnyJson) => l.ranges.map((r: AnyJson) => r.start.line)),
    );
    expect(lines).toEqual([[[2]], [[4]], [[5, 6, 7]]]);
    expect(Object.values<AnyJson>(layers).map(([chain]) => chain.length)).toEqual([1, 2, 3]);
  });

  test('of mode=min leaves out what may be secret, and says that something is left out', async () => {
    lay();
    const { provenance } = await attested([
      ...ALL,
      '--provenance=mode=min,builder-id=https://ci/1',
      '--label',
      'a=1',
      '--target',
      'base',
    ]);
    const { buildDefinition, runDetails } = provenance.predicate;
    expect(buildDefinition.externalParameters.request.args).toEqual({
      'context:assets': 'local:assets',
      target: 'base',
    });
    expect(buildDefinition.internalParameters).toEqual({});
    expect(buildDefinition.resolvedDependencies.map((d: AnyJson) => d.uri)).toEqual([
      'local://context',
      'local://dockerfile',
    ]);
    expect(runDetails.builder.id).toBe('https://ci/1');
    expect(runDetails.metadata).toMatchObject({ buildkit_metadata: {}, buildkit_completeness: { request: false } });
    expect(provenance.subject).toEqual([]);
    expect(JSON.stringify(provenance)).not.toContain(Buffer.from('FROM scratch').toString('base64').slice(0, 12));
  });

  test('says the same in both versions, as BuildKit turns one into the other', async () => {
    lay();
    const predicate = async (version: string) => {
      const { provenance } = await attested([
        ...ALL,
        `--provenance=version=${version},builder-id=https://ci/1`,
        '-t',
        'a:1',
      ]);
      expect(provenance.predicateType).toBe(`https://slsa.dev/provenance/${version}`);
      return provenance.predicate;
    };
    const [v1, old] = [await predicate('v1'), await predicate('v0.2')];
    // moby/buildkit solver/llbsolver/provenance/types (ConvertToSLSA1)
    const { metadata } = old;
    expect(v1).toEqual({
      buildDefinition: {
        buildType: expect.stringContaining('slsa-definitions.md'),
        resolvedDependencies: old.materials,
        externalParameters: {
          configSource: { path: old.invocation.configSource.entryPoint },
          request: old.invocation.parameters,
        },
        internalParameters: { buildConfig: old.buildConfig, ...old.invocation.environment },
      },
      runDetails: {
        builder: old.builder,
        metadata: {
          buildkit_metadata: metadata['https://mobyproject.org/buildkit@v1#metadata'],
          buildkit_hermetic: metadata['https://mobyproject.org/buildkit@v1#hermetic'],
          buildkit_completeness: {
            request: metadata.completeness.parameters,
            resolvedDependencies: metadata.completeness.materials,
          },
          buildkit_reproducible: metadata.reproducible,
        },
      },
    });
  });

  test('an image in an OCI layout is a material by its digest, one with attestations too', async () => {
    lay();
    await build([...ALL, '-o', 'type=oci,tar=false,dest=layout', 'c']);
    rig.write({ 'd/Dockerfile': 'FROM scratch\nCOPY --from=img /app /\n' });
    const args = ['--provenance=true', '--platform', 'wasi/wasm', '--build-context', 'img=oci-layout://layout'];
    await build([...args, '-o', 'type=oci,dest=i.tar', 'd']);
    const { attestations } = await readAttested(rig.path('i.tar'));
    const { resolvedDependencies: found, externalParameters } =
      attestations[0]!.statements[0].predicate.buildDefinition;
    expect(found[1].uri).toMatch(/^pkg:oci\/img\?digest=sha256%3A[0-9a-f]{64}&platform=wasi%2Fwasm$/);
    expect(found[1].uri).toContain(found[1].digest.sha256);
    expect(externalParameters.request.args['context:img']).toBe('oci-layout:img');
    expect(externalParameters.request.locals).toEqual([{ name: 'context' }, { name: 'dockerfile' }]);
  });

  test('an image without files', async () => {
    rig.write({ 'c/Dockerfile': 'FROM scratch\nENTRYPOINT ["/x"]\n' });
    const { sbom, provenance } = await attested(['--sbom=true', '--provenance=true', '--platform', 'wasi/wasm']);
    expect(provenance.predicate.buildDefinition.internalParameters).toEqual({ buildConfig: {} });
    expect(sbom.predicate).toMatchObject({ files: [], packages: [{ filesAnalyzed: false }] });
  });
});

describe('the SBOM', () => {
  test('is a sound SPDX document of every file, and of what modules say of themselves', async () => {
    lay();
    const { sbom, images } = await attested([...ALL, '-t', 'team/app:1'], { env: { SOURCE_DATE_EPOCH: '7' } });
    expect(sbom.predicateType).toBe('https://spdx.dev/Document');
    const { files, packages, relationships, documentNamespace, ...head } = sbom.predicate;
    expect(head).toEqual({
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: 'team/app:1',
      creationInfo: { creators: ['Tool: wbuild'], created: '1970-01-01T00:00:07Z' },
    });
    expect(documentNamespace).toMatch(/^https:\/\/spdx\.org\/spdxdocs\/wbuild-[0-9a-f]{64}$/);

    const contents = {
      'app/app.wasm': MODULE,
      'app/b.wasm': COMPONENT,
      'app/run': '#!',
      'assets/a.txt': 'a',
      'assets/b': 'b',
      motd: 'hi\n',
    };
    const expected = Object.entries(contents).map(([name, data]) => ({
      fileName: `./${name}`,
      checksums: [
        { algorithm: 'SHA1', checksumValue: hex('sha1', data) },
        { algorithm: 'SHA256', checksumValue: hex('sha256', data) },
      ],
    }));
    expect(files.map(({ fileName, checksums }: AnyJson) => ({ fileName, checksums }))).toEqual(expected);
    const isWasm = files.map(({ fileTypes }: AnyJson) => fileTypes !== undefined);
    expect(isWasm).toEqual([true, true, false, false, false, false]);
    const layers = JSON.parse((await rig.run(['inspect', '--json', 'i.tar'])).stdout).images[0].layers;
    const comment = (at: number) => `layerID: ${layers[at].digest}`;
    expect(files.map((f: AnyJson) => f.comment)).toEqual([0, 0, 0, 1, 1, 2].map(comment));

    const [image, ...tools] = packages;
    const sums = files.map((f: AnyJson) => f.checksums[0].checksumValue).sort();
    expect(image).toMatchObject({
      name: 'team/app:1',
      versionInfo: images[0].digest,
      filesAnalyzed: true,
      packageVerificationCode: { packageVerificationCodeValue: hex('sha1', sums.join('')) },
      checksums: [{ algorithm: 'SHA256', checksumValue: images[0].digest.slice(7) }],
      externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:docker/team/app@1?platform=wasi%2Fwasm' }],
    });
    const nameOf = ({ name, versionInfo = '' }: AnyJson) => `${name} ${versionInfo}`.trim();
    expect(tools.map(nameOf)).toEqual([
      'Rust',
      'clang 18',
      'rustc 1.80.0',
      'walrus 0.20',
      'wit-component 0.2',
      'kit 2',
    ]);

    const ids = [head.SPDXID, ...packages.map((p: AnyJson) => p.SPDXID), ...files.map((f: AnyJson) => f.SPDXID)];
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const { spdxElementId, relatedSpdxElement } of relationships)
      expect(ids).toEqual(expect.arrayContaining([spdxElementId, relatedSpdxElement]));
    const byId = new Map<string, string>([
      ...packages.map((p: AnyJson) => [p.SPDXID, nameOf(p)]),
      ...files.map((f: AnyJson) => [f.SPDXID, f.fileName]),
    ]);
    const said = relationships.map((r: AnyJson) => [
      byId.get(r.spdxElementId),
      r.relationshipType,
      byId.get(r.relatedSpdxElement),
    ]);
    expect(said.filter(([, type]: string[]) => type === 'CONTAINS')).toHaveLength(files.length);
    expect(said.filter(([, type]: string[]) => type !== 'CONTAINS' && type !== 'DESCRIBES')).toEqual([
      ['Rust', 'OTHER', './app/app.wasm'],
      ['rustc 1.80.0', 'BUILD_TOOL_OF', './app/app.wasm'],
      ['walrus 0.20', 'BUILD_TOOL_OF', './app/app.wasm'],
      ['kit 2', 'DEV_TOOL_OF', './app/app.wasm'],
      ['clang 18', 'BUILD_TOOL_OF', './app/b.wasm'],
      ['wit-component 0.2', 'BUILD_TOOL_OF', './app/b.wasm'],
    ]);
  });
});

test('the bytes are the same from another folder, in another time zone, from a warm store and without one', async () => {
  lay();
  lay('far/away/');
  for (const name of ['far/away/c/app.wasm', 'far/away/assets', 'far/away/c/lib'])
    fs.utimesSync(rig.path(name), 1_900_000_000, 1_900_000_000);
  fs.chmodSync(rig.path('far/away/assets'), 0o775); // the folder itself is no part of what is copied
  const made = async (cwd: string, env: Readonly<Record<string, string>>, ...more: string[]) => {
    const args = [...ALL, '-t', 'app:1', ...more, '-o', 'type=oci,dest=out.tar', '-o', 'type=local,dest=files', 'c'];
    await build(args, { cwd, env });
    const read = (name: string) => digestOf(fs.readFileSync(rig.path(cwd, name)));
    return ['out.tar', 'files/provenance.json', 'files/sbom.spdx.json'].map(read);
  };
  const first = await made('.', { TZ: 'UTC', LC_ALL: 'C' });
  expect(await made('far/away', { TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8' })).toEqual(first);
  expect(await made('.', {}, '--no-cache')).toEqual(first);
  expect(await made('.', { XDG_CACHE_HOME: rig.path('elsewhere') })).toEqual(first);
});

test('the image and its layers are the same with and without', async () => {
  lay();
  const run = async (args: readonly string[]) => {
    const common = ['--platform', 'wasi/wasm', '--build-context', 'assets=assets', '--metadata-file', 'm.json'];
    await build([...common, ...args, '-o', 'type=oci,dest=i.tar', 'c']);
    const metadata = JSON.parse(fs.readFileSync(rig.path('m.json'), 'utf8'));
    const { images } = JSON.parse((await rig.run(['inspect', '--json', 'i.tar'])).stdout);
    return { manifest: images[0].manifest, cache: metadata['wbuild.cache'], digest: metadata['containerimage.digest'] };
  };
  const plain = await run([]);
  const both = await run(['--provenance=true', '--sbom=true']);
  expect(plain.digest).toBe(plain.manifest);
  expect(both.manifest).toBe(plain.manifest);
  expect(both.digest).not.toBe(plain.digest);
  expect(plain.cache).toMatchObject({ built: 3, cached: 0 });
  expect(both.cache).toMatchObject({ built: 0, cached: 3 });
  expect(await run(['--provenance=false', '--sbom=false'])).toMatchObject({ digest: plain.digest });
});

describe('outputs', () => {
  test('without -o an OCI archive is written, since an archive for Docker cannot hold them', async () => {
    lay();
    const { stderr } = await build([...ALL, 'c']);
    expect(stderr).toContain('wrote     image.tar (oci)');
    expect((await readAttested(rig.path('image.tar'))).attestations).toHaveLength(1);
  });

  test('as artifacts they have a subject and no config', async () => {
    lay();
    await build([...ALL, '-o', 'type=oci,dest=i.tar,oci-artifact=true', 'c']);
    const { attestations, images } = await readAttested(rig.path('i.tar'));
    const { mediaType, digest, size } = images[0];
    expect(attestations[0]!.manifest).toMatchObject({
      artifactType: 'application/vnd.docker.attestation.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', data: 'e30=' },
      subject: { mediaType, digest, size },
    });
    expect(attestations[0]!.config).toEqual({});
  });

  test('each output has the subjects of its own names', async () => {
    lay();
    await build([...ALL, '-t', 'a:1', '-o', 'type=oci,dest=1.tar', '-o', 'type=oci,dest=2.tar,name=b:2', 'c']);
    for (const [tar, name] of [
      ['1.tar', 'pkg:docker/a@1'],
      ['2.tar', 'pkg:docker/b@2'],
    ] as const) {
      const { attestations } = await readAttested(rig.path(tar));
      for (const { subject } of attestations[0]!.statements)
        expect(subject.map((s: AnyJson) => s.name)).toEqual([`${name}?platform=wasi%2Fwasm`]);
    }
  });

  test('inline-only goes along where there is an index anyway', async () => {
    lay();
    const args = ['--provenance=inline-only=true', '--platform', 'wasi/wasm', '--build-context', 'assets=assets'];
    const { stderr } = await build([...args, 'c']);
    expect(stderr).toContain('wrote     image.tar (docker)');
    // an annotation for one platform has its place in an index alone
    const annotated = ['--annotation', 'manifest[wasi/wasm]:k=v'];
    expect((await build([...args, ...annotated, 'c'])).stderr).toContain('annotation "k" is left out');
    expect((await build([...args, ...annotated, '--sbom=true', 'c'])).stderr).not.toContain('left out');
    await build([...args, '--sbom=true', '-o', 'type=oci,dest=i.tar', '-o', 'type=local,dest=files', 'c']);
    expect((await readAttested(rig.path('i.tar'))).attestations[0]!.statements).toHaveLength(2);
    expect(fs.readdirSync(rig.path('files')).sort()).toEqual(['app', 'assets', 'motd', 'sbom.spdx.json']);
  });

  test('among files they are files, over what the image has there, and say what each file is', async () => {
    rig.write({
      'c/Dockerfile': 'FROM scratch\nCOPY . /\n',
      'c/provenance.json': 'mine',
      'c/a/b': 'b',
      'c/.dockerignore': 'Dockerfile\n.dockerignore',
    });
    const args = ['--provenance=true', '--sbom=true', '--platform', 'wasi/wasm', '-o', 'type=local,dest=files', 'c'];
    await build(args);
    const made = JSON.parse(fs.readFileSync(rig.path('files/provenance.json'), 'utf8'));
    expect(made.subject).toEqual([
      { name: 'a/b', digest: { sha256: hex('sha256', 'b') } },
      { name: 'provenance.json', digest: { sha256: hex('sha256', 'mine') } },
    ]);
    expect(made.predicate.runDetails.metadata.buildkit_metadata).not.toHaveProperty('layers');
    const sbom = JSON.parse(fs.readFileSync(rig.path('files/sbom.spdx.json'), 'utf8')).predicate;
    expect(sbom).toMatchObject({
      name: 'root filesystem',
      files: [{ fileName: './a/b' }, { fileName: './provenance.json' }],
    });
    const twice = await rig.run([
      ...args.slice(0, -3),
      '--provenance=filename=sbom.spdx.json',
      '-o',
      'type=tar,dest=x',
      'c',
    ]);
    expect(twice).toMatchObject({ code: 2 });
    expect(twice.stderr).toContain('two attestations would be called "sbom.spdx.json"');
    expect(rig.list()).not.toContain('x');
  });

  test.each([
    ['type=docker,dest=x', '-o type=docker holds one image'],
    ['type=wasm,dest=x', '-o type=wasm is one module'],
    ['type=oci,dest=x,oci-mediatypes=false', "Docker's media types have no attestations"],
    ['type=local,dest=x,attestation-prefix=a/', 'attestation-prefix cannot be "a/"'],
  ])('%s is refused, before anything is built', async (output, message) => {
    lay();
    const result = await rig.run([...ALL, '-o', output, 'c']);
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain(message);
    expect(result.stderr).toContain('InvalidOutput');
    expect(rig.list()).not.toContain('x');
  });

  test('what cannot be read cannot be attested: an error, and nothing is written', async () => {
    // a daemon is sent the file, too, and COPY leaves it out there
    rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY --exclude=b . /\n', 'c/a': 'a', 'c/b': { content: 'b', mode: 0 } });
    const args = ['--platform', 'wasi/wasm', '-o', 'type=oci,dest=i.tar', 'c'];
    expect(await rig.run(args, { unprivileged: true })).toMatchObject({ code: 0 });
    fs.rmSync(rig.path('i.tar'));
    const result = await rig.run(['--provenance=true', ...args], { unprivileged: true });
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toContain('error[FileNotReadable]: cannot read b: permission denied');
    expect(rig.list()).not.toContain('i.tar');
  });
});

describe('in the store', () => {
  test('they are listed, inspected, saved, pushed, pulled, kept by prune, and verified', async () => {
    const registry = await startFakeRegistry();
    try {
      lay();
      const name = `${registry.host}/team/app:1`;
      const platforms = ['--platform', 'linux/amd64'];
      await build([
        ...ALL,
        ...platforms,
        '-t',
        name,
        '-o',
        'type=image',
        '-o',
        'type=oci,dest=i.tar',
        '--metadata-file',
        'm.json',
        'c',
      ]);
      const digest = JSON.parse(fs.readFileSync(rig.path('m.json'), 'utf8'))['containerimage.digest'];
      const [image] = JSON.parse((await rig.run(['images', '--json'])).stdout);
      expect(image).toMatchObject({ name, digest, platform: 'wasi/wasm,linux/amd64' });
      await build(['cache', 'prune', '--all']);
      const inspected = await build(['inspect', name]);
      expect(inspected.stdout.match(/^attested .*spdx.dev/gm)).toHaveLength(2);
      expect(inspected.stdout.match(/^attested .*slsa.dev.provenance.v1/gm)).toHaveLength(2);
      expect(JSON.parse((await build(['inspect', '--json', name])).stdout).attestations).toHaveLength(4);
      await build(['save', name, '--type', 'oci', '-o', 's.tar']);
      expect(digestOf(fs.readFileSync(rig.path('s.tar')))).toBe(digestOf(fs.readFileSync(rig.path('i.tar'))));
      const refused = await rig.run(['save', name, '-o', 'd.tar']);
      expect(refused).toMatchObject({ code: 2 });

      await build(['push', name]);
      const pushed = JSON.parse(String(registry.manifests.get('team/app:1')!.bytes));
      expect(pushed.manifests).toHaveLength(4);
      for (const { digest: child } of pushed.manifests)
        expect([...registry.manifests.keys()]).toContain(`team/app@${child}`);
      const other = { env: { XDG_CACHE_HOME: rig.path('other') } };
      await build(['pull', name], other);
      await build(['save', name, '--type', 'oci', '-o', 'p.tar'], other);
      expect((await readAttested(rig.path('p.tar'))).attestations).toHaveLength(2);
      await build(['diff', 'i.tar', 'p.tar']);

      const again = ['--build-context', 'assets=assets'];
      await build(['verify', '--against', 'i.tar', ...again, 'c']);
      // with the same attestations, the index is the same as well
      await build(['verify', '--against', digest, ...ALL, ...platforms, '-t', name, 'c']);
    } finally {
      await registry.close();
    }
  });
});
