/** The npm package: what is in it, and that it installs and works elsewhere. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { readEntries, readImage } from '../read-image.js';
import { ROOT, useRig } from '../rig.js';

const rig = useRig();
const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

function npm(cwd: string, ...args: string[]): string {
  const env = {
    ...process.env,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  };
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stderr}`);
  return stdout;
}

test('npm pack gives a package that installs and builds elsewhere', async () => {
  npm(ROOT, 'pack', '--ignore-scripts', '--pack-destination', rig.dir);
  const tarball = rig.path(`wbuild-${version}.tgz`);
  const names = (await readEntries(fs.readFileSync(tarball))).map((entry) => entry.path.replace('package/', ''));
  expect(names).toEqual(
    expect.arrayContaining([
      ...['LICENSE', 'README.md', 'package.json', 'man/wbuild.1', 'dist/cli/main.js'],
      ...['bin/wbuild.js', 'bin/docker-wbuild.js', 'dist/bundle/wasi-runner.cjs'],
    ]),
  );
  expect(names.filter((name) => /\.test\.|^(src|testdata|scripts|bench)\/|^dist\/test\//.test(name))).toEqual([]);

  // as `npm install -g` does it, into a prefix of our own; packages come from npm's cache where it has them
  npm(rig.dir, 'install', '--global', '--prefix', rig.path('prefix'), '--prefer-offline', tarball);
  const program = [rig.path('prefix/bin/wbuild')];
  expect(await rig.run(['--version'], { program })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(version),
  });

  rig.copy('hello-wasi', 'app');
  const args = ['--platform', 'wasi/wasm', '-t', 'hello', '-o', 'type=docker,dest=../image.tar', '.'];
  expect(await rig.run(args, { program, cwd: 'app' })).toMatchObject({ code: 0 });
  const image = await readImage(rig.path('image.tar'));
  expect(image.config.config.Entrypoint).toEqual(['SampleApp.wasm']);

  const greeting = 'Hello from a WASI module in an image that wbuild made!\n';
  expect(await rig.run(['run', 'image.tar'], { program })).toMatchObject({ code: 0, stdout: greeting, stderr: '' });
  // as README.md installs the plugin: a link to what npm put on the PATH
  fs.symlinkSync(rig.path('prefix/bin/docker-wbuild'), rig.path('docker-wbuild'));
  const plugin = [rig.path('docker-wbuild')];
  expect(await rig.run(['wbuild', 'version'], { program: plugin })).toMatchObject({ stdout: `wbuild ${version}\n` });
  expect(fs.readFileSync(rig.path('prefix/share/man/man1/wbuild.1'), 'utf8')).toContain(`"wbuild ${version}"`);
}, 120_000);
