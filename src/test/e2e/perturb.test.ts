/** `wbuild verify --perturb`: what a build takes from its surroundings is named, and a build that takes nothing holds. */
import fs from 'node:fs';
import { expect, test } from '@jest/globals';
import { useRig } from '../rig.js';

const rig = useRig();
const perturb = (...args: string[]) => rig.run(['verify', '--perturb', '--progress', 'quiet', ...args]);

async function causes(...args: string[]) {
  const { code, stdout, stderr } = await perturb('--json', ...args);
  expect(stderr).toBe('');
  const { perturb: found } = JSON.parse(stdout);
  expect(found.held).toBe(code === 0);
  return found.causes.map(({ code: name, message }: { code: string; message: string }) => `${name}: ${message}`);
}

test('a build that says its modes, in any world', async () => {
  rig.write({
    'src/.git/HEAD': 'ref: refs/heads/main\n',
    'src/Dockerfile':
      'FROM scratch\nCOPY --chmod=u=rwX,go=rX app /app/\nCOPY --from=more --chmod=644 i /\nENTRYPOINT ["/app/run"]\n',
    'src/Dockerfile.dockerignore': '**/*.log\n',
    'src/app/run': { content: '#!/bin/sh\n', mode: 0o755 },
    'src/app/link': { symlink: 'run' },
    'src/app/I': 'i\n',
    'src/app/x.log': 'left out\n',
    'more/i': 'I\n',
  });
  fs.chmodSync(rig.path('src/app/run'), 0o755);
  const args = ['--build-context', 'more=more', '--platform', 'wasi/wasm', 'src'];
  // the executable bit is all that X goes by, and git keeps it
  expect(await causes(...args)).toEqual([]);
  const { code, stdout } = await perturb(...args);
  expect(code).toBe(0);
  expect(stdout).toContain('held: the image is the same, and nothing of the world is in it');
  expect(rig.list().filter((name) => /wbuild|image\.tar/.test(name))).toEqual([]);
});

test('what leaks is named: modes of a umask, times before the epoch, absolute links, the path of the context', async () => {
  rig.write({
    'src/.git/HEAD': 'ref: refs/heads/main\n',
    'src/Dockerfile': 'FROM scratch\nCOPY app /\n',
    'src/app/a': 'a\n',
    'src/app/map': `{"sourceRoot":"${rig.path('src')}/app"}\n`,
    'src/app/abs': { symlink: rig.path('src/app/a') },
    'src/app/out': { symlink: '/etc/passwd' },
  });
  const found = await causes('src');
  expect(found).toEqual([
    expect.stringMatching(
      /^FileMode: layer 1: a has the mode 0644 in this world, 0600 in the other \(and 1 more: layer 1: map\)$/,
    ),
    expect.stringMatching(
      /^LinkTarget: layer 1: abs points to ".*\/src\/app\/a" in this world, ".*\/elsewhere-0\/app\/a" in the other$/,
    ),
    expect.stringMatching(/^PathInContent: layer 1: map holds the path of the context, .*\/src, at byte 15$/),
  ]);
  fs.rmSync(rig.path('src/.git'), { recursive: true });
  for (const name of ['src/app/map', 'src/app/abs']) fs.rmSync(rig.path(name));
  fs.lutimesSync(rig.path('src/app'), 1_700_000_000, 1_700_000_000);
  expect(await causes('src')).toEqual([]);
  // an epoch that files lie before
  expect(await causes('--timestamp', '1800000000', 'src')).toEqual([
    expect.stringMatching(
      /^FileTime: layer 1: a has the time 2023-11-14T22:13:20Z in this world, 2023-11-15T22:13:20Z in the other/,
    ),
  ]);
});

test('with --against both have to hold; standard input cannot be read twice; a build that fails, fails', async () => {
  rig.write({ 'src/Dockerfile': 'FROM scratch\nCOPY a /\n', 'src/a': 'a\n' });
  await rig.run(['-o', 'type=oci,dest=a.tar', 'src']);
  const { code, stdout } = await perturb('--against', 'a.tar', 'src');
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/verified: [\s\S]*\n\nbuilt twice: [\s\S]*held: /),
  });
  const piped = await rig.run(['verify', '--perturb', '-f', '-', 'src'], { input: 'FROM scratch\n' });
  expect(piped).toMatchObject({ code: 2, stderr: expect.stringContaining('standard input can be read once') });
  fs.rmSync(rig.path('src/a'));
  expect(await perturb('src')).toMatchObject({ code: 1, stderr: expect.stringContaining('SourceNotFound') });
  expect(fs.readdirSync(`${rig.dir}/..`).filter((name) => name.startsWith('wbuild-'))).toEqual([]);
});
