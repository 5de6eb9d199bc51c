/** Contexts that are archives: a tar on standard input, the layers of OCI layouts. Their files are those that went into them. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { expect, test } from '@jest/globals';
import { useRig } from '../rig.js';

const rig = useRig();

test('several OCI layouts, each of several files, are read by one build without a byte in the wrong place', async () => {
  const text = (name: string) => `${name} `.repeat(200_000);
  const names = ['a', 'b', 'c'];
  const files = names.map((name) => [1, 2, 3].map((i) => [`${name}/f${i}`, text(`${name}${i}`)] as const));
  rig.write(Object.fromEntries(files.flat()));
  for (const name of names) {
    rig.write({ [`${name}/Dockerfile`]: 'FROM scratch\nCOPY f* /\n' });
    expect(await rig.run(['-o', `type=oci,tar=false,dest=layout-${name}`, name])).toMatchObject({ code: 0 });
  }
  rig.write({ 'd/Dockerfile': `FROM scratch\n${names.map((n) => `COPY --from=${n} . /${n}\n`).join('')}` });
  const contexts = names.flatMap((n) => ['--build-context', `${n}=oci-layout://layout-${n}`]);
  expect(await rig.run([...contexts, '-o', 'type=local,dest=out', 'd'])).toMatchObject({ code: 0 });
  for (const [file, content] of files.flat())
    expect([file, fs.readFileSync(rig.path('out', file), 'utf8') === content]).toEqual([file, true]);
});

test('a folder and its tar on standard input make the same image, times of folders among what is the same', async () => {
  rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY d /d\nCOPY d/e /\n', 'c/d/e/f': 'x' });
  for (const name of ['d/e/f', 'd/e', 'd']) fs.utimesSync(rig.path('c', name), 1000, 1000);
  const tar = execFileSync('tar', ['-C', rig.path('c'), '-cf', '-', '.']);
  const build = async (args: string[], input?: Buffer) => {
    const env = { SOURCE_DATE_EPOCH: '5000' };
    const result = await rig.run(['-q', ...args], { env, ...(input && { input }) });
    expect(result.code).toBe(0);
    return result.stdout;
  };
  expect(await build(['-'], tar)).toBe(await build(['c']));
});
