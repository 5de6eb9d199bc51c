/** A builder that is not to be trusted: whatever it asks for, it gets what the build reads, or nothing; whatever it sends, nothing else is written. */
import fs from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { build } from '../build/build-request.js';
import { BuildError } from '../diagnostic/build-error.js';
import { ociArchive, tarOf } from '../test/builder/archives.js';
import {
  type FakeBuilder,
  type FakeOptions,
  type FakeSession,
  type PacketInit,
  startFake,
} from '../test/builder/fake-builder.js';
import { useRig } from '../test/rig.js';
import { Packet_Kind } from './proto/fsutil_pb.js';

const rig = useRig();
let fake: FakeBuilder | undefined;
afterEach(() => fake?.close());

const FILES = {
  'ctx/Dockerfile': 'FROM scratch\nCOPY app /app\n',
  'ctx/app/a.txt': 'chosen',
  'ctx/app/out': { symlink: '/etc/passwd' },
  'ctx/secret.txt': 'not chosen',
  'beside.txt': 'outside',
} as const;

/** The headers of an honest request. */
const HONEST = { 'dir-name': 'context', followpaths: ['app'] } as const;

/** Builds on a fake. @returns the errors, none when it is done */
async function run(solve: FakeOptions['solve']): Promise<readonly string[]> {
  fake = await startFake(rig.path('../b.sock'), { version: 'v0.25.0', solve });
  const outputs = [{ type: 'oci', dest: rig.path('out.tar'), compression: 'uncompressed' }] as const;
  const request = { context: rig.path('ctx'), platform: 'wasi/wasm', cacheDir: rig.cacheDir, outputs };
  try {
    await build({ ...request, builder: { addresses: fake.address } });
    return [];
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return error.diagnostics.map(({ code, message }) => `${code}: ${message}`);
  }
}

/** Everything of a file tree that packets give away. */
function leaked(
  packets: readonly { readonly stat?: { readonly path: Uint8Array } | undefined; readonly data: Uint8Array }[],
) {
  return packets.flatMap(({ stat, data }) => [
    ...(stat ? [Buffer.from(stat.path).toString()] : []),
    ...(data.length > 0 ? [Buffer.from(data).toString()] : []),
  ]);
}

test('an honest one gets the files that COPY reaches, links as links', async () => {
  rig.write(FILES);
  let files: Map<string, Buffer> | undefined;
  const errors = await run(async (session) => {
    files = await session.fetchAll(HONEST);
    throw new Error('enough');
  });
  expect(Object.fromEntries([...files!].map(([path, bytes]) => [path, bytes.toString()]))).toEqual({
    app: '',
    'app/a.txt': 'chosen',
    'app/out': '',
  });
  expect(errors).toEqual([expect.stringMatching(/^BuilderFailed: the builder unix:.* says: Error: enough$/)]);
});

describe('requests for what the build does not read get nothing', () => {
  test.each<[Readonly<Record<string, string | readonly string[]>>]>([
    [{ 'dir-name': 'context', followpaths: ['../../etc/passwd'] }],
    [{ 'dir-name': 'context', followpaths: ['app', '../beside.txt'] }],
    [{ 'dir-name': 'context', followpaths: ['/etc/passwd'] }],
    [{ 'dir-name': 'context', followpaths: ['app/out'] }],
    [{ 'dir-name': 'context', followpaths: ['secret.txt'] }],
    [{ 'dir-name': 'context', followpaths: ['app', 'secret.txt'] }],
    [{ 'dir-name': 'context', followpaths: ['%2e%2e/beside.txt'], 'followpaths-encoded': '1' }],
    [{ 'dir-name': 'context' }],
    [{ 'dir-name': 'context', followpaths: ['app'], 'include-patterns': ['**'] }],
    [{ 'dir-name': 'context', followpaths: ['app'], 'exclude-patterns': ['!secret.txt'] }],
    [{ 'dir-name': '../../etc', followpaths: ['app'] }],
    [{ 'dir-name': '/etc', followpaths: ['app'] }],
    [{ 'dir-name': 'dockerfile', followpaths: ['Dockerfile'] }],
    [{}],
  ])('%j', async (headers) => {
    rig.write(FILES);
    let seen: Awaited<ReturnType<FakeSession['diffCopy']>> | undefined;
    await run(async (session) => {
      seen = await session.diffCopy(headers, () => []);
      throw new Error('enough');
    });
    expect(leaked(seen!.packets)).toEqual([]);
    expect(seen!.error?.details).toMatch(/no access|does not read/);
  });
});

describe('packets that are no requests end the transfer', () => {
  const last = (p: { type: Packet_Kind; stat?: unknown }) => p.type === Packet_Kind.STAT && p.stat === undefined;
  test.each<[string, readonly PacketInit[]]>([
    ['a number that no file has', [{ type: Packet_Kind.REQ, id: 1000 }]],
    ['a folder', [{ type: Packet_Kind.REQ, id: 0 }]],
    ['a link', [{ type: Packet_Kind.REQ, id: 2 }]],
    ['a file twice', [1, 1, 1].map((id) => ({ type: Packet_Kind.REQ, id }))],
    ['files of its own', [{ type: Packet_Kind.STAT, stat: { path: Buffer.from('../../etc/passwd') } }]],
    ['data of its own', [{ type: Packet_Kind.DATA, id: 1, data: Buffer.from('evil') }]],
    ['a type that does not exist', [{ type: 77 as Packet_Kind }]],
    ['a frame of 5 MiB', [{ type: Packet_Kind.ERR, data: Buffer.alloc(5 * 1024 * 1024) }]],
  ])('%s', async (_, packets) => {
    rig.write(FILES);
    let seen: Awaited<ReturnType<FakeSession['diffCopy']>> | undefined;
    await run(async (session) => {
      seen = await session.diffCopy(HONEST, (packet) => (last(packet) ? packets : []));
      throw new Error('enough');
    });
    expect(seen!.error).toBeDefined();
    const got = leaked(seen!.packets).join('\n');
    expect(got).not.toMatch(/root:|not chosen|outside/);
    expect(got.match(/^chosen$/gm)?.length ?? 0).toBeLessThanOrEqual(1);
  });
});

describe('results', () => {
  const configOf = (request: { exporters: { attrs: Record<string, string> }[] }) =>
    request.exporters[0]!.attrs['containerimage.config']!;
  const LAYER = tarOf([['app/a.txt', Buffer.from('chosen')]]);

  test('an image whose bytes are what their digests say is taken', async () => {
    rig.write(FILES);
    expect(await run((session, request) => session.send(ociArchive(configOf(request), LAYER)))).toEqual([]);
    expect(fs.existsSync(rig.path('out.tar'))).toBe(true);
  });

  test.each<[string, (config: string) => Buffer, RegExp]>([
    ['no archive', () => Buffer.from('x'.repeat(2000)), /BuilderFailed|damaged|tar/i],
    ['nothing', () => Buffer.alloc(0), /BuilderFailed/],
    ['another image', () => ociArchive('{"architecture":"evil","os":"linux"}', LAYER), /made another image/],
    [
      'bytes that are not those of their digest',
      (config) => {
        const archive = ociArchive(config, LAYER);
        archive[archive.indexOf('chosen')] = 0x58;
        return archive;
      },
      /have the digest/,
    ],
    ['half an archive', (config) => ociArchive(config, LAYER).subarray(0, 1500), /BuilderFailed|index|archive/],
    [
      'names that lead outside',
      () =>
        tarOf([
          ['../../evil.txt', Buffer.from('x')],
          ['blobs/sha256/../../../evil.txt', Buffer.from('x')],
        ]),
      /no index\.json/,
    ],
  ])('%s is refused, and nothing is written', async (_, archive, message) => {
    rig.write(FILES);
    const errors = await run((session, request) => session.send(archive(configOf(request))));
    expect(errors).toEqual([expect.stringMatching(message)]);
    expect(rig.list().filter((name) => /out\.tar|evil|\.tmp/.test(name))).toEqual([]);
    for (const above of ['..', '../..']) expect(fs.readdirSync(rig.path(above))).not.toContain('evil.txt');
  });

  test('an answer without an image', async () => {
    rig.write(FILES);
    expect(await run(async () => undefined)).toEqual([expect.stringMatching(/BuilderFailed: .* sent no image/)]);
  });
});
