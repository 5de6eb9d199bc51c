import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { useRig } from '../test/rig.js';
import { codeCacheFolder, loadWithCodeCache } from './code-cache.js';

const rig = useRig();
const require = createRequire(import.meta.url);

interface Counter {
  readonly name: () => string;
}

/** Loads `program.cjs` of the rig by way of a cache, calls it, and keeps its code. */
function run(source: string, folder = rig.path('cache')): { name: string; files: string[] } {
  const file = rig.path('program.cjs');
  fs.writeFileSync(file, source);
  const { program, keep } = loadWithCodeCache<Counter>({ file, require }, folder, 'v1');
  const name = program.name();
  keep();
  return { name, files: fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [] };
}

const A = "exports.name = () => 'one';";
const B = "exports.name = () => 'two';"; // of the same length, which is all that V8 looks at

test('code is kept, and found again', () => {
  const first = run(A);
  expect(first).toEqual({ name: 'one', files: [expect.stringMatching(/^[0-9a-f]{64}$/)] });
  const before = fs.statSync(path.join(rig.path('cache'), first.files[0]!));
  expect(run(A)).toEqual(first);
  expect(fs.statSync(path.join(rig.path('cache'), first.files[0]!)).mtimeMs).toBe(before.mtimeMs);
});

test('another source of the same length has code of its own', () => {
  run(A);
  const second = run(B);
  expect(second.name).toBe('two');
  expect(second.files).toHaveLength(2);
});

test.each([
  ['torn', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['flipped', (bytes: Buffer) => Buffer.from(bytes.map((b, i) => (i === 100 ? b ^ 1 : b)))],
  ['of another program', (_: Buffer, other: Buffer) => other],
  ['empty', () => Buffer.alloc(0)],
])('a file that is %s is no cache, and is mended', (_, damage) => {
  const file = path.join(rig.path('cache'), run(A).files[0]!);
  const whole = fs.readFileSync(file);
  const other = path.join(rig.path('cache'), run(B).files.find((name) => name !== path.basename(file))!);
  fs.writeFileSync(file, damage(whole, fs.readFileSync(other)), { mode: 0o600 });
  expect(run(A).name).toBe('one');
});

test('what others may write to is not run', () => {
  const file = path.join(rig.path('cache'), run(A).files[0]!);
  fs.chmodSync(file, 0o666);
  const before = fs.statSync(file).ino;
  expect(run(A).name).toBe('one');
  expect(fs.statSync(file).ino).not.toBe(before); // was not used, and written anew
});

test('no more than a few files stay', () => {
  for (let i = 0; i < 8; i++) expect(run(`exports.name = () => '${i}';`).files.length).toBeLessThanOrEqual(4);
});

test('a folder that cannot be made costs nothing', () => {
  fs.writeFileSync(rig.path('file'), '');
  expect(run(A, path.join(rig.path('file'), 'cache')).name).toBe('one');
});

test('where it is, by the environment', () => {
  expect(codeCacheFolder({ XDG_CACHE_HOME: '/c' })).toBe('/c/wbuild-code');
  expect(codeCacheFolder({ XDG_CACHE_HOME: '/c', NODE_DISABLE_COMPILE_CACHE: '1' })).toBeUndefined();
  expect(codeCacheFolder({})).toMatch(/\.cache\/wbuild-code$/);
});
