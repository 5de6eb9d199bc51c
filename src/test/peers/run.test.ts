/** `wbuild run` beside wasmedge: the same module on the same files, the same output and exit code; and wasmedge on what a registry gave back. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { readImage } from '../read-image.js';
import { BIN, TESTDATA } from '../rig.js';
import { inside, peer, peerResult, REGISTRY, usePeersRig } from './peers.js';

const rig = usePeersRig();

beforeEach(async () => {
  fs.cpSync(path.join(TESTDATA, 'run/probe.wasm'), rig.path('probe.wasm'));
  rig.write({
    Dockerfile: 'FROM scratch\nCOPY data /data/\nCOPY dl /\nCOPY probe.wasm /\nENTRYPOINT ["probe.wasm"]\n',
    'data/file': 'of the image\n',
    'data/link': { symlink: 'file' },
    'data/sub/up': { symlink: '../file' },
    dl: { symlink: 'data' },
  });
  const outputs = ['-o', 'type=oci,dest=image.tar', '-o', 'type=local,dest=root'];
  expect(await rig.run(['--platform', 'wasi/wasm', ...outputs, '.'])).toMatchObject({ code: 0 });
});

/** What the program says and how it ends; how a trap is told is each runtime's own. */
const CASES: readonly (readonly string[])[] = [
  [
    'ls',
    '/',
    'ls',
    '/data',
    'cat',
    '/data/file',
    'cat',
    'data/file',
    'stat',
    '/data/file',
    'stat',
    '/data',
    'stat',
    '/dl',
  ],
  [
    'cat',
    '/data/link',
    'cat',
    '/data/sub/up',
    'cat',
    '/dl/file',
    'readlink',
    '/data/link',
    'catat',
    '/data/sub',
    '../../x',
  ],
  ['cat', '/gone', 'cat', '/data/file/x', 'cat', '/data/', 'readlink', '/data/file', 'ls', '/data/file'],
  ['env', 'stdin', 'exit', '300'],
  ['say', 'before', 'trap'],
  ['warn', 'x', 'exit', '1'],
];

test.each(CASES.map((words) => ({ words })))('$words', ({ words }) => {
  const input = 'of standard input\n';
  const theirs = peerResult(
    { input },
    'wasmedge',
    '--env',
    'A=1',
    '--dir',
    `/:${inside(rig, 'root')}`,
    inside(rig, 'probe.wasm'),
    ...words,
  );
  const args = [BIN, 'run', '--env', 'A=1', 'image.tar', ...words];
  const ours = spawnSync(process.execPath, args, { cwd: rig.dir, input, encoding: 'utf8' });
  const env = /^PATH=.*\n/m; // that of the image
  expect({ code: ours.status, stdout: ours.stdout.replace(env, '') }).toEqual({
    code: theirs.status,
    stdout: theirs.stdout.replace(/^\[[-0-9 :.]+\] \[error\].*\n/gm, ''), // which is where it tells of a trap
  });
  // which of several reasons a refused path has, runtimes do not agree on
  const told = (text: string) =>
    text
      .split('\n')
      .filter((line) => /^\w+ \//.test(line))
      .map((line) => line.replace(/:.*/, ''));
  expect(told(ours.stderr)).toEqual(told(theirs.stderr));
});

test('wasmedge runs the module that was pushed and pulled', async () => {
  const name = `${REGISTRY}/wbuild-test/run-${process.pid}-${Date.now()}:1`;
  expect(await rig.run(['--platform', 'wasi/wasm', '-t', name, '--push', '.'])).toMatchObject({ code: 0 });
  const elsewhere = ['--cache-dir', rig.path('elsewhere')];
  expect(await rig.run(['pull', ...elsewhere, name])).toMatchObject({ code: 0 });
  expect(await rig.run(['save', ...elsewhere, name, '-o', 'pulled.tar'])).toMatchObject({ code: 0 });
  const { layers } = await readImage(rig.path('pulled.tar'));
  const module = layers.flatMap(({ entries }) => entries).find((entry) => entry.path === 'probe.wasm');
  fs.writeFileSync(rig.path('pulled.wasm'), module!.bytes);
  expect(peer('wasmedge', inside(rig, 'pulled.wasm'), 'say', 'pulled')).toBe('pulled\n');
  expect(await rig.run(['run', ...elsewhere, name, 'say', 'pulled'])).toMatchObject({ code: 0, stdout: 'pulled\n' });
  // and straight from the registry, with nothing in the store
  expect(await rig.run(['run', '--cache-dir', rig.path('empty'), name, 'say', 'hi'])).toMatchObject({
    code: 0,
    stdout: 'hi\n',
  });
});
