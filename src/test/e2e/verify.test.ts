/** `wbuild verify` through the built program: what it takes, what it says, and its exit codes. causes.test.ts has the reasons. */
import fs from 'node:fs';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { recraft } from '../recraft.js';
import { useRig } from '../rig.js';

const rig = useRig();

beforeEach(() => {
  rig.write({ Dockerfile: 'FROM scratch\nCOPY . /\n', x: 'one\n' });
});

async function wbuild(...args: string[]) {
  const result = await rig.run(['--progress', 'quiet', ...args]);
  expect({ args, ...result }).toMatchObject({ code: 0 });
}

const verify = (...args: string[]) => rig.run(['verify', '--progress', 'quiet', ...args]);

describe('the reference', () => {
  test('in every form: platform, output type and compression are taken from it', async () => {
    await wbuild('--platform', 'wasi/wasm', '-t', 'app:1', '.'); // image.tar, which lies in the context and is no part of it
    const outputs = [
      'type=oci,dest=oci.tar,compression=uncompressed',
      'type=oci,dest=layout,tar=false',
      'type=docker,dest=d.tar,oci-mediatypes=false',
    ];
    await wbuild(
      '--platform',
      'wasi/wasm',
      ...outputs.flatMap((o) => ['-o', o]),
      '-o',
      'type=docker,dest=image.tar',
      '.',
    );
    fs.writeFileSync(rig.path('old.tar'), await recraft(fs.readFileSync(rig.path('oci.tar')), { form: 'docker' }));
    const agreements = {
      'image.tar': 'archive',
      'oci.tar': 'archive',
      layout: 'manifest',
      'd.tar': 'archive',
      'app:1': 'manifest',
      'old.tar': 'config',
    };
    for (const [reference, agreement] of Object.entries(agreements)) {
      for (const other of fs.readdirSync(rig.dir))
        if (other !== reference && /tar$|layout/.test(other)) fs.renameSync(rig.path(other), `${rig.dir}/../${other}`);
      const { code, stdout } = await verify('--json', '--against', reference, '.');
      expect({ reference, code, ...JSON.parse(stdout) }).toMatchObject({
        reference,
        code: 0,
        verified: true,
        agreement,
      });
      for (const other of fs.readdirSync(`${rig.dir}/..`))
        if (/tar$|layout/.test(other)) fs.renameSync(`${rig.dir}/../${other}`, rig.path(other));
    }
  });

  test('a digest alone: of the manifest, or the image ID', async () => {
    await wbuild('--platform', 'wasi/wasm', '--metadata-file', '../m.json', '--cache-dir', '../elsewhere', '.');
    const metadata = JSON.parse(fs.readFileSync(rig.path('../m.json'), 'utf8'));
    const known = [metadata['containerimage.digest'], metadata['containerimage.config.digest']];
    for (const digest of known)
      expect(await verify('--against', digest, '--platform', 'wasi/wasm', '.')).toMatchObject({ code: 0 });
    const other = known[0].replace(/.$/, (last: string) => (last === '0' ? '1' : '0'));
    const { code, stdout } = await verify('--against', other, '--platform', 'wasi/wasm', '.');
    expect(code).toBe(3);
    expect(stdout).toContain('NOT verified: the digest is neither that of the manifest nor the image ID');
    // an image ID is no manifest
    expect(await verify('--against', known[1], '--require', 'manifest', '--platform', 'wasi/wasm', '.')).toMatchObject({
      code: 3,
    });
  });
});

test('what the build would push or load stays here', async () => {
  await wbuild('-o', 'type=docker,dest=../a.tar', '.');
  // nobody listens there
  const env = { DOCKER_HOST: 'tcp://127.0.0.1:9' };
  const registry = '127.0.0.1:9/app:1';
  for (const output of [
    ['-o', 'type=docker'],
    ['--load'],
    ['--push', '-t', registry],
    ['-o', `type=image,name=${registry},push=true`],
  ]) {
    const result = await rig.run(['verify', '--progress', 'quiet', '--against', '../a.tar', ...output, '.'], { env });
    expect({ output, ...result }).toMatchObject({ output, code: 0 });
  }
});

test('--require: the level that has to agree', async () => {
  await wbuild('-o', 'type=oci,dest=../a.tar', '.');
  fs.chmodSync(rig.path('x'), 0o600);
  expect((await verify('--against', '../a.tar', '.')).code).toBe(3);
  expect((await verify('--against', '../a.tar', '--require', 'diff-ids', '.')).code).toBe(3);
  const { code, stdout } = await verify('--against', '../a.tar', '--require', 'contents', '.');
  expect(code).toBe(0);
  expect(stdout).toContain('FileMode: layer 1: x has the mode 0644 in the reference, 0600 in the rebuild');
  expect(stdout).toContain('verified: the rebuild has the file contents of the reference');
});

test('a summary for GitHub Actions is added to', async () => {
  await wbuild('-o', 'type=oci,dest=../a.tar', '.');
  const env = { GITHUB_STEP_SUMMARY: rig.path('../summary.md') };
  rig.write({ 'a|b<c>': '' });
  for (const code of [3, 3])
    expect(await rig.run(['verify', '--against', '../a.tar', '.'], { env })).toMatchObject({ code });
  const text = fs.readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8');
  expect(text.match(/^### ❌ not verified: `\.\.\/a\.tar`$/gm)).toHaveLength(2);
  expect(text).toContain('| `FileExtra` | layer 1: a\\|b&lt;c> is only in the rebuild (0 bytes) |');
  const unwritable = { GITHUB_STEP_SUMMARY: rig.path('none/summary.md') };
  const run = await rig.run(['verify', '--against', '../a.tar', '.'], { env: unwritable });
  expect(run.code).toBe(3);
  expect(run.stderr).toContain('GITHUB_STEP_SUMMARY cannot be written: no such file or directory');
});

test('what goes wrong has other exit codes, and leaves nothing behind', async () => {
  await wbuild('-o', 'type=oci,dest=../a.tar', '.');
  expect((await verify('.')).stderr).toContain('wbuild verify needs --against, the image');
  expect((await verify('--against', '../none.tar', '.')).code).toBe(1);
  expect((await verify('--against', '../a.tar', '-o', 'out', '.')).code).toBe(2);
  expect((await rig.run(['--against', '../a.tar', '.'])).stderr).toContain('--against belongs to wbuild verify');
  rig.write({ Dockerfile: 'FROM scratch\nCOPY none /\n' });
  const failed = await verify('--against', '../a.tar', '.');
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('SourceNotFound');
  expect(fs.readdirSync(`${rig.dir}/..`).filter((name) => name.startsWith('wbuild-'))).toEqual([]);
  expect(rig.list()).toEqual(['Dockerfile', 'x']);
});
