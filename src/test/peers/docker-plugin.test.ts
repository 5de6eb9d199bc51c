/** `docker wbuild …` with the real docker command line, of which bin/docker-wbuild.js is a plugin. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { ROOT } from '../rig.js';
import { inside, peer, peerResult, usePeersRig } from './peers.js';

const rig = usePeersRig();
const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

/** wbuild and this Node in a folder that the peers see, and a configuration of docker with a link to the plugin. */
beforeEach(() => {
  const npm = (...args: string[]) => {
    const { status, stderr } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' });
    if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stderr}`);
  };
  npm('pack', '--ignore-scripts', '--pack-destination', rig.dir);
  npm(
    'install',
    '--global',
    '--prefix',
    rig.path('prefix'),
    '--prefer-offline',
    '--no-audit',
    rig.path(`wbuild-${version}.tgz`),
  );
  fs.copyFileSync(process.execPath, rig.path('prefix/bin/node'));
  fs.mkdirSync(rig.path('config/cli-plugins'), { recursive: true });
  fs.symlinkSync('../../prefix/bin/docker-wbuild', rig.path('config/cli-plugins/docker-wbuild'));
});

const env = () => [
  `PATH=${inside(rig, 'prefix/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
  `WBUILD_CACHE_DIR=${inside(rig, 'cache')}`,
];
const docker = (...args: string[]) => peer(...env(), 'docker', '--config', inside(rig, 'config'), ...args);

test('docker finds the plugin, lists it, and runs it', async () => {
  const plugins = JSON.parse(docker('info', '--format', '{{json .ClientInfo.Plugins}}')) as { Name: string }[];
  expect(plugins.find(({ Name }) => Name === 'wbuild')).toMatchObject({
    Version: version,
    Vendor: 'wbuild',
    SchemaVersion: '0.1.0',
  });
  expect(docker('--help')).toMatch(/^ +wbuild\* +Build images of a Dockerfile subset/m);
  expect(docker('wbuild', 'version')).toBe(`wbuild ${version}\n`);
  expect(docker('wbuild', '--help')).toMatch(/^Usage: {2}wbuild \[build\]/);
  expect(docker('help', 'wbuild')).toMatch(/^Usage: {2}wbuild \[build\]/);
  expect(docker('--log-level', 'error', '--context', 'default', 'wbuild', 'version')).toBe(`wbuild ${version}\n`);
});

test('docker wbuild builds what wbuild builds, loads it into this docker, and fails as wbuild does', async () => {
  rig.copy('hello-wasi', 'c');
  const args = ['--platform', 'wasi/wasm', '-t', 'wbuild-test/plugin:1', '-q'];
  const ours = await rig.run([...args, '-o', 'type=cacheonly', 'c']);
  try {
    expect(docker('wbuild', ...args, '--load', inside(rig, 'c'))).toBe(ours.stdout);
    expect(docker('images', '-q', '--no-trunc', 'wbuild-test/plugin:1')).toMatch(/^sha256:/);
  } finally {
    docker('rmi', '-f', 'wbuild-test/plugin:1');
  }
  const failed = peerResult(
    {},
    ...env(),
    'docker',
    '--config',
    inside(rig, 'config'),
    'wbuild',
    '--foo',
    inside(rig, 'c'),
  );
  expect(failed).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/^error\[Usage\]: unknown option "?--foo/),
  });
});
