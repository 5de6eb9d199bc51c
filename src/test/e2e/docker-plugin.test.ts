/** bin/docker-wbuild.js as the docker command line calls it; with the real one: ../peers/docker-plugin.test.ts. */
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { readVersion } from '../../cli/commands/version.js';
import { ROOT, useRig } from '../rig.js';

const rig = useRig();
const program = [process.execPath, path.join(ROOT, 'bin/docker-wbuild.js')];
const plugin = (...args: string[]) => rig.run(args, { program });

test('says who it is', async () => {
  const { code, stdout, stderr } = await plugin('docker-cli-plugin-metadata');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    SchemaVersion: '0.1.0',
    Vendor: 'wbuild',
    Version: readVersion(),
    ShortDescription: expect.stringMatching(/^Build .{10,80}$/),
  });
});

test('is wbuild, whatever docker puts in front', async () => {
  const version = `wbuild ${readVersion()}\n`;
  for (const before of [[], ['-D'], ['--log-level=debug', '-c', 'x'], ['--config', '/x', '-H', 'unix:///y', '--debug']])
    expect(await plugin(...before, 'wbuild', 'version')).toMatchObject({ code: 0, stdout: version, stderr: '' });
  expect(await plugin('help', 'wbuild', 'run')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Usage: {2}wbuild run/),
  });
  expect(await plugin('wbuild', '--help')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Usage: {2}wbuild \[build\]/),
  });
  expect(await plugin('wbuild', 'gone')).toMatchObject({ code: 1, stderr: expect.stringContaining('gone') });
  expect(await plugin('--tlsverify', 'wbuild', 'version')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--tlsverify of docker'),
  });
});

test('what docker says in front holds', async () => {
  rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY a /\n', 'c/a': '', 'd/config.json': '{ damaged' });
  const load = await plugin('-H', 'unix:///nowhere.sock', 'wbuild', '--load', 'c');
  expect(load).toMatchObject({ code: 1, stderr: expect.stringContaining('/nowhere.sock') });
  const logout = await plugin('--config', rig.path('d'), 'wbuild', 'logout', 'example.com');
  expect(logout).toMatchObject({ code: 1, stderr: expect.stringContaining(rig.path('d/config.json')) });
});
