import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { useRig } from '../test/rig.js';
import { checksFolder, StoredChecks } from './checks.js';

const rig = useRig();
const DAY = 24 * 60 * 60 * 1000;

const at = (days: number) => new StoredChecks(rig.path('checks'), () => Date.now() + days * DAY);
const onlyFile = () => path.join(rig.path('checks/v1'), fs.readdirSync(rig.path('checks/v1'))[0]!);

test('a check is remembered for a week, by the whole of what it depends on', async () => {
  expect(await at(0).has('zlib 1 of this machine')).toBe(false);
  await at(0).add('zlib 1 of this machine');
  expect(await at(0).has('zlib 1 of this machine')).toBe(true);
  expect(await at(6).has('zlib 1 of this machine')).toBe(true);
  expect(await at(8).has('zlib 1 of this machine')).toBe(false);
  expect(await at(-8).has('zlib 1 of this machine')).toBe(false); // a clock that was set back
  expect(await at(0).has('zlib 2 of this machine')).toBe(false);
});

test.each<[string, () => void]>([
  ['is torn', () => fs.truncateSync(onlyFile(), 2)],
  ['others may write to', () => fs.chmodSync(onlyFile(), 0o666)],
  ['lies where others may write', () => fs.chmodSync(rig.path('checks/v1'), 0o777)],
  ['is a folder', () => [fs.rmSync(onlyFile()), fs.mkdirSync(path.join(rig.path('checks/v1'), 'x'))]],
])('what %s is not believed', async (_, spoil) => {
  await at(0).add('key');
  spoil();
  expect(await at(0).has('key')).toBe(false);
});

test('where nothing can be written, nothing is remembered, and nobody minds', async () => {
  rig.write({ checks: 'a file' });
  await at(0).add('key');
  expect(await at(0).has('key')).toBe(false);
});

test('the folder is that of the user', () => {
  expect(checksFolder({ XDG_CACHE_HOME: '/c' })).toBe('/c/wbuild-checks');
  expect(checksFolder({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/wbuild-checks$/);
});
