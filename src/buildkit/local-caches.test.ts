/** Caches in folders, and a builder that is not to be trusted with them: it reads blobs by their digest and adds such, or gets nothing. */
import fs from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { build } from '../build/build-request.js';
import { BuildError } from '../diagnostic/build-error.js';
import { ociArchive, tarOf } from '../test/builder/archives.js';
import { type FakeBuilder, type FakeOptions, type FakeSession, startFake } from '../test/builder/fake-builder.js';
import { listFiles, useRig } from '../test/rig.js';
import { sha256 } from '../util/digest.js';
import type { TypedAttrs } from './address.js';
import { create, type MessageInitShape, type MessageShape } from './messages.js';
import {
  Content,
  WriteAction,
  WriteContentRequestSchema,
  type WriteContentResponseSchema,
} from './proto/content_pb.js';
import type { SolveRequest } from './proto/control_pb.js';

const rig = useRig();
let fake: FakeBuilder | undefined;
afterEach(() => fake?.close());

const { STAT, WRITE, COMMIT } = WriteAction;
const BLOB = Buffer.from('the bytes of a blob');
const DIGEST = sha256(BLOB);
const SIZE = BigInt(BLOB.length);
const to = (dest: string, attrs = {}): TypedAttrs => ({ type: 'local', attrs: { dest, ...attrs } });
const from = (src: string, attrs = {}): TypedAttrs => ({ type: 'local', attrs: { src, ...attrs } });

/** Builds on a fake. @returns errors and warnings */
async function run(
  solve: FakeOptions['solve'],
  {
    cacheTo = [],
    cacheFrom = [],
  }: { readonly cacheTo?: readonly TypedAttrs[]; readonly cacheFrom?: readonly TypedAttrs[] },
): Promise<readonly string[]> {
  rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY a /\n', 'ctx/a': 'a' });
  fake = await startFake(rig.path('../b.sock'), { version: 'v0.25.0', solve });
  const outputs = [{ type: 'oci', dest: rig.path('out.tar'), compression: 'uncompressed' }] as const;
  const request = { context: rig.path('ctx'), platform: 'wasi/wasm', cacheDir: rig.cacheDir, outputs };
  try {
    const { warnings } = await build({ ...request, builder: { addresses: fake.address, cacheTo, cacheFrom } });
    return warnings.map(({ code, message }) => `${code}: ${message}`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return error.diagnostics.map(({ code, message }) => `${code}: ${message}`);
  }
}

const header = (id: string) => ({ 'buildkit-attachable-store-id': id });

type Answers = {
  readonly answers: readonly MessageShape<typeof WriteContentResponseSchema>[];
  readonly error?: string;
};

/** Sends requests one after the other, each when the one before it was answered. */
function send(
  session: FakeSession,
  id: string,
  requests: readonly MessageInitShape<typeof WriteContentRequestSchema>[],
): Promise<Answers> {
  const call = session.channel.duplex(Content.method.write, { headers: header(id) });
  const left = [...requests];
  const answers: MessageShape<typeof WriteContentResponseSchema>[] = [];
  const next = () => {
    const request = left.shift();
    if (request) call.write(create(WriteContentRequestSchema, request));
    else call.end();
  };
  return new Promise((resolve) => {
    call.on('data', (answer) => {
      answers.push(answer);
      next();
    });
    call.on('error', (error) => resolve({ answers, error: error.message }));
    call.on('end', () => setImmediate(() => resolve({ answers })));
    next();
  });
}

/** A blob as BuildKit writes it. */
const whole = (bytes: Uint8Array): MessageInitShape<typeof WriteContentRequestSchema>[] => [
  { action: STAT, ref: 'r', total: BigInt(bytes.length), expected: sha256(bytes) },
  { action: STAT },
  { action: WRITE, data: bytes.subarray(0, 5) },
  { action: WRITE, offset: 5n, data: bytes.subarray(5) },
  { action: COMMIT, offset: BigInt(bytes.length), total: BigInt(bytes.length), expected: sha256(bytes) },
];

async function read(session: FakeSession, id: string, digest: string, range: { offset?: bigint; size?: bigint } = {}) {
  const chunks: Uint8Array[] = [];
  for await (const { data } of session.channel.serverStream(
    Content.method.read,
    { digest, ...range },
    { headers: header(id) },
  ))
    chunks.push(data);
  return Buffer.concat(chunks).toString();
}

const image = (session: FakeSession, request: SolveRequest) => {
  const config = request.exporters[0]!.attrs['containerimage.config']!;
  return session.send(ociArchive(config, tarOf([['a', Buffer.from('a')]])));
};

const described = (bytes: Uint8Array) => ({
  'cache.manifest': JSON.stringify({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: sha256(bytes),
    size: bytes.length,
  }),
});

test('a daemon is told labels, and no paths; what it writes is listed by the tag', async () => {
  const told: unknown[] = [];
  const said = await run(
    async (session, request) => {
      told.push(...request.cache!.exports.map(({ type, attrs }) => ({ type, attrs })));
      const { answers } = await send(session, 'local:cache-to-0', whole(BLOB));
      expect(answers.map(({ offset }) => offset)).toEqual([0n, 0n, 5n, SIZE, SIZE]);
      expect(answers.at(-1)).toMatchObject({ action: COMMIT, digest: DIGEST });
      expect((await send(session, 'local:cache-to-0', whole(BLOB))).error).toContain('ALREADY_EXISTS');
      await image(session, request);
      return described(BLOB);
    },
    { cacheTo: [to(rig.path('cache'), { tag: 'mine', mode: 'max' })] },
  );
  expect(said).toEqual([]);
  expect(told).toEqual([{ type: 'local', attrs: { mode: 'max', dest: 'cache-to-0' } }]);
  expect(listFiles(rig.path('cache'))).toEqual([
    'blobs/',
    'blobs/sha256/',
    `blobs/sha256/${DIGEST.slice(7)}`,
    'index.json',
    'oci-layout',
  ]);
  expect(JSON.parse(fs.readFileSync(rig.path('cache/index.json'), 'utf8'))).toMatchObject({
    manifests: [{ digest: DIGEST, size: BLOB.length, annotations: { 'org.opencontainers.image.ref.name': 'mine' } }],
  });
});

describe('reading', () => {
  /** A cache that lists a blob, and links out of it. */
  const CACHE = {
    'cache/oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'cache/index.json': JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          mediaType: 'x',
          digest: DIGEST,
          size: BLOB.length,
          annotations: { 'org.opencontainers.image.ref.name': 'latest' },
        },
      ],
    }),
    [`cache/blobs/sha256/${DIGEST.slice(7)}`]: BLOB.toString(),
    [`cache/blobs/sha256/${'a'.repeat(64)}`]: { symlink: '../../../secret' },
    [`cache/blobs/sha256/${'b'.repeat(64)}`]: { symlink: '/etc/passwd' },
    [`cache/blobs/sha256/${'c'.repeat(64)}`]: { dir: true },
    secret: 'secret',
  } as const;
  const only = { cacheFrom: [from('cache')] };

  test('gives blobs by digest, whole or in part', async () => {
    rig.write(CACHE);
    let told: unknown;
    const said = await run(
      async (session, request) => {
        told = request.cache!.imports.map(({ type, attrs }) => ({ type, attrs }));
        const headers = header('local:cache-from-0');
        const { info } = await session.channel.unary(Content.method.info, { digest: DIGEST }, { headers });
        expect(info).toMatchObject({ digest: DIGEST, size: SIZE });
        expect(await read(session, 'local:cache-from-0', DIGEST)).toBe(BLOB.toString());
        expect(await read(session, 'local:cache-from-0', DIGEST, { offset: 4n, size: 5n })).toBe('bytes');
        expect(await read(session, 'local:cache-from-0', DIGEST, { offset: 4n, size: 5000n })).toBe(
          BLOB.toString().slice(4),
        );
        expect(await read(session, 'local:cache-from-0', DIGEST, { offset: SIZE })).toBe('');
        throw new Error('enough');
      },
      { cacheFrom: [from(rig.path('cache'))] },
    );
    expect(said).toEqual([expect.stringMatching(/: Error: enough$/)]);
    expect(told).toEqual([{ type: 'local', attrs: { src: 'cache-from-0', digest: DIGEST } }]);
  });

  test.each<[string, string, string, RegExp]>([
    ['a path', 'local:cache-from-0', '../../secret', /INVALID_ARGUMENT/],
    ['a path as a digest', 'local:cache-from-0', 'sha256:../../../secret', /INVALID_ARGUMENT/],
    ['another algorithm', 'local:cache-from-0', `sha512:${'a'.repeat(128)}`, /INVALID_ARGUMENT/],
    ['what is not there', 'local:cache-from-0', `sha256:${'0'.repeat(64)}`, /NOT_FOUND/],
    ['a link out of the folder', 'local:cache-from-0', `sha256:${'a'.repeat(64)}`, /NOT_FOUND/],
    ['a link to anywhere', 'local:cache-from-0', `sha256:${'b'.repeat(64)}`, /NOT_FOUND/],
    ['a folder', 'local:cache-from-0', `sha256:${'c'.repeat(64)}`, /NOT_FOUND/],
    ['another store', 'local:cache-from-1', DIGEST, /NOT_FOUND/],
    ['a store by its path', 'local:cache', DIGEST, /NOT_FOUND/],
    ['no store', '', DIGEST, /NOT_FOUND/],
  ])('%s: nothing', async (_, id, digest, problem) => {
    rig.write(CACHE);
    const seen: string[] = [];
    await run(
      async (session) => {
        seen.push(await read(session, id, digest).catch((error) => `${error.code} ${error.message}`));
        throw new Error('enough');
      },
      { cacheFrom: only.cacheFrom.map(() => from(rig.path('cache'))) },
    );
    const names: Record<string, string> = { 3: 'INVALID_ARGUMENT', 5: 'NOT_FOUND' };
    expect(seen[0]!.replace(/^\d+/, (code) => names[code] ?? code)).toMatch(problem);
    expect(seen[0]).not.toMatch(/root:|^secret/);
  });

  test('is all that it is for', async () => {
    rig.write(CACHE);
    let answer: Answers | undefined;
    await run(
      async (session) => {
        answer = await send(session, 'local:cache-from-0', whole(Buffer.from('more')));
        throw new Error('enough');
      },
      { cacheFrom: [from(rig.path('cache'))] },
    );
    expect(answer!.error).toContain('PERMISSION_DENIED');
    expect(fs.readdirSync(rig.path('cache')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['missing', {}, /CacheNotUsable: .*cache: it does not exist/],
    ['no cache', { 'cache/x': 'x' }, /CacheNotUsable: .*it lists nothing called latest/],
    ['damaged', { 'cache/index.json': '{' }, /CacheNotUsable: .*index/],
    ['without its manifest', { 'cache/index.json': CACHE['cache/index.json'] }, /CacheNotUsable: .*it lacks sha256:/],
  ])('one that is %s is a warning', async (_, files, message) => {
    rig.write(files);
    const said = await run(
      async (session, request) => {
        expect(request.cache!.imports).toEqual([]);
        await image(session, request);
      },
      { cacheFrom: [from(rig.path('cache'))] },
    );
    expect(said).toEqual([expect.stringMatching(message)]);
  });
});

describe('writing', () => {
  const first = { action: STAT, ref: 'r', total: SIZE, expected: DIGEST };

  test.each<[string, readonly MessageInitShape<typeof WriteContentRequestSchema>[], RegExp]>([
    ['a name that is a path', [{ ...first, expected: '../../evil' }], /INVALID_ARGUMENT/],
    ['no digest', [{ ...first, expected: '' }], /INVALID_ARGUMENT/],
    ['no size', [{ ...first, total: 0n }], /INVALID_ARGUMENT/],
    ['a negative size', [{ ...first, total: -1n }], /INVALID_ARGUMENT/],
    [
      'more than was announced',
      [
        { ...first, total: 5n },
        { action: WRITE, data: BLOB },
      ],
      /OUT_OF_RANGE/,
    ],
    ['less than was announced', [first, { action: COMMIT, data: BLOB.subarray(1) }], /FAILED_PRECONDITION/],
    ['other bytes', [first, { action: COMMIT, data: Buffer.alloc(BLOB.length) }], /FAILED_PRECONDITION/],
    [
      'another digest in the end',
      [first, { action: COMMIT, data: BLOB, expected: sha256('x') }],
      /FAILED_PRECONDITION/,
    ],
    ['bytes at another place', [first, { action: WRITE, offset: 4n, data: BLOB.subarray(4) }], /OUT_OF_RANGE/],
    [
      'the same bytes again',
      [first, { action: WRITE, data: BLOB.subarray(0, 4) }, { action: WRITE, data: BLOB }],
      /OUT_OF_RANGE/,
    ],
    ['an end without a commit', [first, { action: WRITE, data: BLOB }], /CANCELLED/],
  ])('%s is refused, and nothing stays', async (_, requests, problem) => {
    let answer: Answers | undefined;
    await run(
      async (session) => {
        answer = await send(session, 'local:cache-to-0', requests);
        throw new Error('enough');
      },
      { cacheTo: [to(rig.path('cache'))] },
    );
    expect(answer!.error).toMatch(problem);
    expect(fs.existsSync(rig.path('cache'))).toBe(false);
    for (const above of ['.', '..', '../..']) expect(fs.readdirSync(rig.path(above))).not.toContain('evil');
  });

  test('a build that fails afterwards leaves the folder as it was', async () => {
    rig.write({
      'cache/oci-layout': '{"imageLayoutVersion":"1.0.0"}',
      'cache/index.json': '{"schemaVersion":2,"manifests":[]}',
    });
    const before = listFiles(rig.path('cache'));
    const said = await run(
      async (session) => {
        expect((await send(session, 'local:cache-to-0', whole(BLOB))).error).toBeUndefined();
        throw new Error('enough');
      },
      { cacheTo: [to(rig.path('cache'))] },
    );
    expect(said).toEqual([expect.stringMatching(/BuilderFailed: .*enough/)]);
    expect(listFiles(rig.path('cache')).filter((name) => !name.endsWith('/'))).toEqual(before);
  });

  test.each([
    ['a manifest that it did not write', described(Buffer.from('never'))],
    ['no descriptor', { 'cache.manifest': '{"digest":"../../evil"}' }],
    ['no JSON', { 'cache.manifest': 'evil' }],
  ])('an answer with %s', async (_, response) => {
    const said = await run(
      async (session, request) => {
        await send(session, 'local:cache-to-0', whole(BLOB));
        await image(session, request);
        return response;
      },
      { cacheTo: [to(rig.path('cache'))] },
    );
    expect(said).toEqual([
      expect.stringMatching(/BuilderFailed: the builder says that it wrote a cache to .*, and did not/),
    ]);
    expect(rig.list().filter((name) => /^(cache|out)/.test(name))).toEqual([]);
  });

  test.each<[string, Record<string, string | { symlink: string }>, RegExp]>([
    ['something else', { 'cache/mine.txt': 'x' }, /it holds mine\.txt, which is no part of a cache/],
    ['a cache of local builds', { 'cache/records/x': 'x' }, /a cache of builds on this machine/],
    ['a link that leads out', { 'out/x': 'x', 'cache/blobs': { symlink: '../out' } }, /blobs in it is no folder/],
    ['a file', { cache: 'x' }, /cache-to cannot write .*cache: /],
  ])('a folder with %s is refused before anything is done', async (_, files, message) => {
    rig.write(files);
    const before = rig.list().filter((name) => !name.startsWith('ctx'));
    const said = await run(async () => undefined, { cacheTo: [to(rig.path('cache'))] });
    expect(said).toEqual([expect.stringMatching(message)]);
    expect(rig.list().filter((name) => !name.startsWith('ctx'))).toEqual(before);
    expect(fake!.solves()).toBe(0);
  });
});
