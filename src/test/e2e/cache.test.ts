/** The cache as its user sees it: the second build, what redoes which layer, why it says so, and caches that travel. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import type { BuildCounters, LayerMiss } from '../../build/build-options.js';
import { listFiles, type RunOptions, type RunResult, useRig } from '../rig.js';

const rig = useRig();
jest.setTimeout(120_000); // some tests run a dozen builds, and machines are slow at times

const DOCKERFILE = 'FROM scratch\nCOPY app /app/\nCOPY bin /bin/\nCOPY etc/*.conf /etc/\nENTRYPOINT ["/bin/tool"]\n';
const FILES = {
  'ctx/Dockerfile': DOCKERFILE,
  'ctx/app/index.html': 'hello '.repeat(1000),
  'ctx/app/style.css': 'body {}',
  'ctx/bin/tool': { content: 'tool '.repeat(100_000), mode: 0o755 },
  'ctx/etc/a.conf': 'a = 1',
  'ctx/etc/b.conf': 'b = 1',
  'ctx/README.md': 'not copied',
};

interface Built {
  readonly bytes: Buffer;
  readonly cache: BuildCounters;
  readonly misses: readonly LayerMiss[];
  readonly result: RunResult;
}

/** Long ago. */
const OLD = new Date(1_600_000_000_000);

/**
 * Digests are trusted of files only that were a while old when they were hashed. Rather than wait, every run of this file has a clock that is
 * ahead of that of the disk.
 */
const LATER = 'const now = Date.now; Date.now = () => now() + 60_000;\n';

async function build(args: readonly string[] = [], options: RunOptions = {}): Promise<Built> {
  const given = ['build', '--explain', '-o', 'type=oci,dest=out.tar', '--metadata-file', 'meta.json', ...args, 'ctx'];
  fs.writeFileSync(`${rig.dir}/../later.cjs`, LATER);
  const hooks = `--require ${rig.path('../later.cjs')} ${options.env?.NODE_OPTIONS ?? ''}`;
  const result = await rig.run(given, { ...options, env: { ...options.env, NODE_OPTIONS: hooks } });
  expect(result).toMatchObject({ code: 0, stdout: '' });
  const meta = JSON.parse(fs.readFileSync(rig.path('meta.json'), 'utf8'));
  const bytes = fs.readFileSync(rig.path('out.tar'));
  return { bytes, cache: meta['wbuild.cache'], misses: meta['wbuild.explain'], result };
}

/** The file of the largest blob in the store. */
function largestBlob(): string {
  const folder = path.join(rig.cacheDir, 'wbuild/blobs/sha256');
  const files = fs.readdirSync(folder).map((name) => path.join(folder, name));
  return files.sort((a, b) => fs.statSync(b).size - fs.statSync(a).size)[0]!;
}

const NOTHING = { built: 0, packedFiles: 0, packedBytes: 0, compressedBytes: 0, hashedFiles: 0, hashedBytes: 0 };

describe('a second build', () => {
  test('reads no content, compresses nothing, and writes the same bytes', async () => {
    rig.write(FILES);
    const first = await build();
    expect(first.cache).toMatchObject({ built: 3, cached: 0, packedFiles: 5, hashedFiles: 0 });
    expect(first.cache.packedBytes).toBe(6000 + 7 + 500_000 + 10);
    expect(first.cache.compressedBytes).toBeGreaterThan(first.cache.packedBytes);

    // not only by its own account: what the process opens and compresses is written down by a hook
    fs.writeFileSync(path.join(rig.dir, 'hook.cjs'), HOOK);
    const env = { NODE_OPTIONS: `--require ${rig.path('hook.cjs')}`, CALLS: rig.path('calls') };
    const second = await build([], { env });
    expect(second.cache).toEqual({ ...NOTHING, cached: 3, imported: 0 });
    expect(second.misses).toEqual([]);
    expect(second.result.stderr).toContain('no layer was redone: 3 of 3 came from the cache\n');
    expect(second.bytes.equals(first.bytes)).toBe(true);
    const calls = fs.readFileSync(rig.path('calls'), 'utf8').trim().split('\n');
    const opened = new Set(calls.filter((call) => call.includes('/ctx/')).map((call) => path.basename(call)));
    expect([...opened].sort()).toEqual(['.dockerignore', 'Dockerfile', 'Dockerfile.dockerignore']);
    expect(calls.filter((call) => /deflate|gzip/i.test(call))).toEqual([]);

    // and the hook would have seen it
    const { cache } = await build(['--no-cache'], { env });
    expect(cache).toMatchObject({ built: 3, packedFiles: 5 });
    const all = fs.readFileSync(rig.path('calls'), 'utf8');
    expect(all).toMatch(/open .*\/ctx\/app\/index\.html\n/);
    expect(all).toMatch(/deflate/i);
  });

  test.each<[string, () => void, Partial<BuildCounters>]>([
    [
      'one byte of one file changed: the layer that contains it',
      () => fs.writeFileSync(rig.path('ctx/app/style.css'), 'body {;'),
      { built: 1, cached: 2, hashedFiles: 1, packedFiles: 2 },
    ],
    [
      'a file touched, not changed: its content is hashed, nothing is redone',
      () => fs.utimesSync(rig.path('ctx/bin/tool'), OLD, OLD),
      { ...NOTHING, cached: 3, hashedFiles: 1, hashedBytes: 500_000 },
    ],
    [
      'something outside of every COPY: nothing at all',
      () => rig.write({ 'ctx/README.md2': 'new', 'ctx/etc/notes.txt': 'new' }),
      { ...NOTHING, cached: 3 },
    ],
    [
      'an instruction that changes no layer: nothing at all',
      () => fs.writeFileSync(rig.path('ctx/Dockerfile'), DOCKERFILE.replace('/bin/tool', '/app/tool')),
      { ...NOTHING, cached: 3 },
    ],
    [
      'a mode: one layer, with nothing read to find out',
      () => fs.chmodSync(rig.path('ctx/etc/a.conf'), 0o600),
      { built: 1, cached: 2, hashedFiles: 0, packedFiles: 2 },
    ],
  ])('after %s', async (_what, edit, counters) => {
    rig.write(FILES);
    await build();
    edit();
    const warm = await build();
    expect(warm.cache).toMatchObject(counters);
    const cold = await build(['--cache-dir', rig.path('fresh')]);
    expect(warm.bytes.equals(cold.bytes)).toBe(true);
  });

  test('reads a large file once: whether it is the same and what changed come out as it passes', async () => {
    const MIB = 1024 * 1024;
    const large = Buffer.alloc(66 * MIB);
    for (let at = 0; at < large.length; at += 4096) large.writeUInt32LE(at, at);
    rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY big z /\n', 'ctx/big': large, 'ctx/z': 'end' });
    const first = await build();

    fs.utimesSync(rig.path('ctx/big'), OLD, OLD);
    const touched = await build();
    expect(touched.cache).toEqual({ ...NOTHING, cached: 1, imported: 0, hashedFiles: 1, hashedBytes: large.length });
    expect(touched.bytes.equals(first.bytes)).toBe(true);

    large[40 * MIB] = 1;
    fs.writeFileSync(rig.path('ctx/big'), large);
    const changed = await build();
    expect(changed.cache).toMatchObject({ built: 1, packedFiles: 2, hashedFiles: 0 });
    expect(changed.cache.compressedBytes).toBeLessThanOrEqual(MIB);
    expect(changed.misses).toMatchObject([{ miss: { kind: 'files', first: { path: 'big' }, more: 0 } }]);
    expect(changed.bytes.equals((await build(['--cache-dir', rig.path('fresh')])).bytes)).toBe(true);

    // what was found and is damaged is written again, and nothing of it is exported
    fs.utimesSync(rig.path('ctx/big'), OLD, OLD);
    const blob = largestBlob();
    const bytes = fs.readFileSync(blob);
    bytes[bytes.length >> 1]! ^= 1;
    fs.rmSync(blob);
    fs.writeFileSync(blob, bytes);
    const healed = await build();
    expect(healed.bytes.equals(changed.bytes)).toBe(true);
  });

  test('of a fresh clone in another folder redoes nothing, and shares layers with another Dockerfile', async () => {
    rig.write(FILES);
    const first = await build();
    fs.renameSync(rig.path('ctx'), rig.path('elsewhere'));
    rig.write({
      ...FILES,
      'ctx/Dockerfile':
        'FROM scratch AS all\nCOPY . /all/\nFROM scratch\nCOPY --from=all /all/app /app/\nCOPY bin /bin/\nCOPY etc/*.conf /etc/\n',
    });
    const other = await build();
    expect(other.cache).toMatchObject({ built: 0, cached: 3, packedFiles: 0, hashedFiles: 5 });
    fs.writeFileSync(rig.path('ctx/Dockerfile'), DOCKERFILE);
    expect((await build()).bytes.equals(first.bytes)).toBe(true);
  });
});

describe('--explain', () => {
  test.each<[string, () => void, readonly unknown[], string]>([
    [
      'content',
      () => rewrite('ctx/app/style.css', 'body { }'),
      [changed('app/style.css', { field: 'content' })],
      'app/style.css: its content changed',
    ],
    [
      'a mode',
      () => fs.chmodSync(rig.path('ctx/app/style.css'), 0o755),
      [changed('app/style.css', { field: 'mode', before: '0644', after: '0755' })],
      'app/style.css: mode 0644 is now 0755',
    ],
    [
      'a new file',
      () => rig.write({ 'ctx/app/new': 'x' }),
      [files({ path: 'app/new', how: 'added' })],
      'app/new was added',
    ],
    [
      'a file gone',
      () => fs.rmSync(rig.path('ctx/app/style.css')),
      [files({ path: 'app/style.css', how: 'removed' })],
      'app/style.css was removed',
    ],
    [
      'a file that became a link',
      () => {
        fs.rmSync(rig.path('ctx/app/style.css'));
        fs.symlinkSync('index.html', rig.path('ctx/app/style.css'));
      },
      [changed('app/style.css', { field: 'type', before: 'file', after: 'symlink' })],
      'app/style.css: type file is now symlink',
    ],
    [
      'an instruction',
      () => rewrite('ctx/Dockerfile', DOCKERFILE.replace('COPY app /app/', 'COPY app /srv/app/')),
      [{ kind: 'instruction', before: 'COPY app /app/' }],
      'the instruction changed; it was: COPY app /app/',
    ],
    [
      'a new instruction',
      () => rewrite('ctx/Dockerfile', DOCKERFILE.replace('ENTRYPOINT', 'COPY README.md /\nENTRYPOINT')),
      [{ kind: 'instruction' }],
      'the instruction is new',
    ],
    [
      'two files',
      () => rig.write({ 'ctx/app/m': 'x', 'ctx/app/n': 'x' }),
      [files({ path: 'app/m', how: 'added' }, 1)],
      'app/m was added, and 1 more path differs',
    ],
  ])('names %s', async (_what, edit, misses, text) => {
    rig.write(FILES);
    await build();
    edit();
    const { misses: found, result } = await build();
    expect(found.map(({ miss }) => miss)).toEqual(misses);
    expect(result.stderr).toMatch(/^1 of [34] layers redone:\n\n\[\d\/\d\] COPY [^\n]+\n {2}/m);
    expect(result.stderr).toContain(`\n  ${text}\n`);
  });

  test('names what is not in the files: the first build, --no-cache, an option, a lost record, a lost blob', async () => {
    rig.write(FILES);
    const kinds = async (...args: string[]) => [...new Set((await build(args)).misses.map(({ miss }) => miss.kind))];
    expect(await kinds()).toEqual(['first-build']);
    expect(await kinds('--no-cache')).toEqual(['off']);
    const { misses } = await build([], { env: { SOURCE_DATE_EPOCH: '1000' } });
    expect(misses[0]!.miss).toEqual({ kind: 'option', option: 'SOURCE_DATE_EPOCH', before: '0', after: '1000' });
    expect(await kinds()).toEqual([]); // the layers of epoch 0 are still there
    for (const blob of layerBlobs()) fs.rmSync(blob);
    expect(await kinds()).toEqual(['no-blob']);
    fs.rmSync(path.join(rig.cacheDir, 'wbuild/records'), { recursive: true });
    expect(await kinds()).toEqual(['no-record']);
    fs.rmSync(path.join(rig.cacheDir, 'wbuild/records'), { recursive: true });
    const memory = listFiles(rig.cacheDir).find((f) => /explain\/v1\/[0-9a-f]/.test(f))!;
    flip(path.join(rig.cacheDir, memory), 100);
    expect(await kinds()).toEqual(['first-build']); // a damaged memory is none
  });

  test('is part of --progress rawjson, and absent when nobody asks', async () => {
    rig.write(FILES);
    const run = async (...args: string[]) => {
      const base = ['build', '--progress', 'rawjson', '-o', 'type=cacheonly', '--metadata-file', 'meta.json'];
      const { stderr } = await rig.run([...base, ...args, 'ctx']);
      const lines = stderr
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      return lines.filter((line) => 'miss' in line).map((line) => line.miss);
    };
    expect(await run()).toEqual([]);
    expect(JSON.parse(fs.readFileSync(rig.path('meta.json'), 'utf8'))).not.toHaveProperty(['wbuild.explain']);
    rewrite('ctx/etc/a.conf', 'a = 2');
    expect(await run('--explain')).toEqual([changed('etc/a.conf', { field: 'content' })]);
  });
});

describe('--cache-to and --cache-from', () => {
  const TO = ['--cache-to', 'type=local,dest=ci'];
  const FROM = ['--cache-from', 'type=local,src=ci', '--cache-dir'];

  test('carry layers to a store that has none, with the same bytes', async () => {
    rig.write(FILES);
    const first = await build(TO);
    const tree = snapshotOf('ci');
    expect([...tree.keys()].filter((f) => !/^(blobs\/sha256|records\/v1\/[0-9a-f]{64})\/[0-9a-f]{64}/.test(f))).toEqual(
      ['index.json', 'oci-layout'],
    );
    const second = await build([...FROM, rig.path('other')]);
    expect(second.cache).toMatchObject({ built: 0, cached: 0, imported: 3, packedFiles: 0 });
    expect(second.bytes.equals(first.bytes)).toBe(true);
    expect((await build([...FROM, rig.path('other')])).cache).toMatchObject({ cached: 3, imported: 0 });
    expect(snapshotOf('ci')).toEqual(tree); // nothing is written where caches are imported from
  });

  test('import what the build needs and no more; the export holds what the build used and no more', async () => {
    rig.write(FILES);
    await build(TO);
    const size = snapshotOf('ci').size;
    rewrite('ctx/app/style.css', 'other');
    const warm = await build([...TO, ...FROM, rig.path('other')]);
    expect(warm.cache).toMatchObject({ built: 1, imported: 2 });
    expect(listFiles(rig.path('other/blobs/sha256'))).toHaveLength(3);
    expect(snapshotOf('ci').size).toBe(size); // the old layer is gone, with its record and the old manifest
    const again = await build(['--cache-to', 'type=local,dest=ci2', '--no-cache']);
    expect(again.bytes.equals(warm.bytes)).toBe(true);
    expect(snapshotOf('ci2')).toEqual(snapshotOf('ci')); // whatever was there before, and wherever the layers came from
  });

  test('a missing, empty or foreign source is one warning and no failure', async () => {
    rig.write({
      ...FILES,
      'empty/x': '',
      file: 'x',
      'layout/oci-layout': '{"imageLayoutVersion":"9"}',
      'layout/records/x': '',
    });
    for (const [src, why] of [
      ['nowhere', 'it does not exist'],
      ['empty', 'it is no cache of wbuild'],
      ['file', 'it is not a folder'],
      ['layout', 'it is an OCI layout of version 9'],
    ]) {
      const { result } = await build(['--cache-from', `type=local,src=${src}`]);
      expect(result.stderr.match(/^warning\[CacheNotUsable\]: .*$/gm)).toEqual([expect.stringContaining(why!)]);
    }
  });

  test('a damaged blob or record is a miss, and what is damaged is healed by the next export', async () => {
    rig.write(FILES);
    const first = await build(TO);
    const whole = snapshotOf('ci');
    for (const name of [...whole.keys()].filter((f) => f.includes('sha256/') || f.includes('records/'))) {
      flip(rig.path('ci', name), 40);
      const { bytes, result } = await build([...TO, ...FROM, rig.path(`store-${path.basename(name)}`)]);
      expect(bytes.equals(first.bytes)).toBe(true);
      expect(result.stderr.match(/warning\[CacheNotUsable\]/g) ?? []).toHaveLength(isLayer(whole.get(name)!) ? 1 : 0);
      expect(snapshotOf('ci')).toEqual(whole);
    }
  });

  test.each([
    ['a folder with something else', { 'out/mine.txt': 'precious' }, 'it holds mine.txt, which is no part of a cache'],
    [
      'an OCI layout',
      { 'out/oci-layout': '{"imageLayoutVersion":"1.0.0"}', 'out/index.json': '{}' },
      'it is an OCI layout of something else',
    ],
    [
      'a newer cache',
      { 'out/oci-layout': '{"imageLayoutVersion":"1.0.0"}', 'out/records/v9/x': '' },
      'records of the version v9',
    ],
    ['a file', { out: 'x' }, 'not a directory'],
  ])('%s is never made a cache of', async (_what, files, why) => {
    rig.write({ ...FILES, ...files });
    const before = snapshotOf('.');
    const args = ['build', '-o', 'type=oci,dest=out.tar', '--cache-to'];
    const result = await rig.run([...args, 'type=local,dest=out', 'ctx']);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^error\[OutputNotWritable\]: --cache-to cannot write out: /);
    expect(result.stderr).toContain(why);
    expect(snapshotOf('.')).toEqual(before);
    const ignoring = await rig.run([...args, 'type=local,dest=out,ignore-error=true', 'ctx']);
    expect(ignoring).toMatchObject({ code: 0 });
    expect(ignoring.stderr).toContain('warning[OutputNotWritable]');
    expect(fs.existsSync(rig.path('out.tar'))).toBe(true);
  });

  test('a cache inside the context is no part of it', async () => {
    rig.write({ 'ctx/Dockerfile': 'FROM scratch\nCOPY . /\n', 'ctx/a': 'a' });
    const first = await build(['--cache-to', 'type=local,dest=ctx/.cache']);
    const second = await build([
      '--cache-from',
      'type=local,src=ctx/.cache',
      '--cache-to',
      'type=local,dest=ctx/.cache',
    ]);
    expect(second.cache).toMatchObject({ built: 0 });
    expect(second.bytes.equals(first.bytes)).toBe(true);
  });
});

/** Appends a line for each file that is opened, and each compression. */
const HOOK = `
const fs = require('fs'), zlib = require('zlib'), log = process.env.CALLS, append = fs.appendFileSync;
const see = (owner, name, shown) => { const real = owner[name]; owner[name] = function (...args) {
  if (shown(args) !== log) append(log, name.includes('pen') || name.includes('read') ? 'open ' + shown(args) + '\\n' : name + '\\n');
  return Reflect.apply(real, this, args); }; };
for (const name of ['open', 'openSync', 'readFile', 'readFileSync', 'createReadStream']) see(fs, name, (a) => require('path').resolve(String(a[0])));
for (const name of ['open', 'readFile']) see(fs.promises, name, (a) => require('path').resolve(String(a[0])));
for (const name of Object.keys(zlib).filter((n) => /^(create)?(deflate|gzip)/i.test(n))) see(zlib, name, () => '');
require('module').syncBuiltinESMExports();
`;

function rewrite(file: string, text: string): void {
  fs.writeFileSync(rig.path(file), text);
}

function files(first: object, more = 0) {
  return { kind: 'files', first, more };
}

function changed(file: string, ...fields: object[]) {
  return files({ path: file, how: 'changed', fields });
}

/** Flips a bit, whatever the permissions say. */
function flip(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[Math.min(at, bytes.length - 1)]! ^= 1;
  fs.rmSync(file);
  fs.writeFileSync(file, bytes);
}

const isLayer = (bytes: string) => bytes.startsWith('\x1f\x8b');

function layerBlobs(): string[] {
  const folder = path.join(rig.cacheDir, 'wbuild/blobs/sha256');
  return fs
    .readdirSync(folder)
    .map((name) => path.join(folder, name))
    .filter((file) => isLayer(fs.readFileSync(file, 'latin1')));
}

/** Every file below a folder of the rig, and its bytes, as text since that is compared in no time. */
function snapshotOf(folder: string): Map<string, string> {
  const names = listFiles(rig.path(folder)).filter((f) => !f.endsWith('/'));
  return new Map(names.map((name) => [name, fs.readFileSync(rig.path(folder, name), 'latin1')]));
}
