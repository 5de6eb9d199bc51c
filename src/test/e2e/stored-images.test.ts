/** `wbuild images`, `tag`, `rmi`, `save`, `inspect`: how an image of the store is named, and what is said of a name that it has not. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { useRig } from '../rig.js';

const rig = useRig();

async function ok(...args: string[]) {
  const result = await rig.run(args);
  expect({ args, ...result }).toMatchObject({ code: 0 });
  return result;
}

/** An image as me/app:1; its ID as `wbuild images` shows it. */
async function stored(): Promise<string> {
  rig.write({ 'c/Dockerfile': 'FROM scratch\n' });
  await ok('--platform', 'wasi/wasm', '-t', 'me/app:1', '-o', 'type=image', 'c');
  const [, row] = (await ok('images')).stdout.split('\n');
  return row!.split(/ {3,}/)[2]!;
}

test('the image ID that is shown names the image', async () => {
  const id = await stored();
  await ok('save', id, '-o', 'a.tar');
  await ok('inspect', id);
  await ok('tag', id, 'you/app:2');
  const several = await rig.run(['rmi', id]);
  expect(several).toMatchObject({ code: 2, stdout: '' });
  expect(several.stderr).toContain(`${id} has several names: me/app:1, you/app:2`);
  expect((await ok('rmi', 'you/app:2')).stdout).toBe('untagged you/app:2\n');
  expect((await ok('rmi', id)).stdout).toBe('untagged me/app:1\n');
});

test.each([
  ['me/app', 'did you mean me/app:1?'],
  ['me/ap:1', 'did you mean me/app:1?'],
  ['nope', undefined],
  ['you/thing:2', undefined],
])('%s is not there', async (name, hint) => {
  await stored();
  for (const args of [
    ['rmi', name],
    ['save', name, '-o', 'a.tar'],
    ['tag', name, 'b'],
    ['inspect', name],
  ]) {
    const { code, stderr } = await rig.run(args);
    expect(code).toBe(1);
    expect(stderr).toContain(`no image "${name}"`);
    if (hint) expect(stderr).toContain(hint);
    else expect(stderr).not.toContain('did you mean');
  }
});

test('a folder that is no layout, a text that is no archive, a cache that is a file', async () => {
  rig.write({ 'folder/a': '', 'text.tar': 'x'.repeat(2000) });
  expect((await rig.run(['inspect', 'folder'])).stderr).toContain(
    'it is a folder, and no OCI layout: it has no index.json',
  );
  expect((await rig.run(['inspect', 'text.tar'])).stderr).toContain('text.tar is no image: no tar header stands');
  for (const args of [['images'], ['cache', 'ls'], ['cache', 'du'], ['inspect', 'x:1'], ['rmi', 'x:1']]) {
    const { code, stderr } = await rig.run([...args, '--cache-dir', 'text.tar']);
    expect({ args, code }).toEqual({ args, code: 1 });
    expect(stderr).toContain('error[StoreNotWritable]: the cache text.tar cannot be read: not a directory');
  }
});

test('a cache that belongs to somebody else is left as it is, and that is said', async () => {
  await stored();
  rig.write({ 'd/Dockerfile': 'FROM scratch\nCOPY f /\n', 'd/f': 'x' });
  await ok('-o', 'type=cacheonly', 'd');
  const cache = rig.path('../cache/wbuild');
  const freeze = (mode: number) => {
    const all = fs.readdirSync(cache, { recursive: true, withFileTypes: true });
    const folders = all.filter((e) => e.isDirectory()).map((e) => path.join(e.parentPath, e.name));
    for (const folder of [cache, ...folders]) fs.chmodSync(folder, mode);
  };
  freeze(0o555);
  for (const args of [
    ['tag', 'me/app:1', 'b'],
    ['rmi', 'me/app:1'],
    ['cache', 'prune', '--all'],
  ]) {
    const { code, stderr } = await rig.run(args, { unprivileged: true });
    expect({ args, code, stderr }).toMatchObject({ args, code: 1 });
    expect(stderr).toMatch(/error\[StoreNotWritable\]: the cache .* cannot be changed: permission denied/);
  }
  freeze(0o755);
  expect((await ok('images')).stdout).toContain('me/app');
});

test('cache du counts a layer once: with its image, or as one of none', async () => {
  rig.write({ 'c/Dockerfile': 'FROM scratch\nCOPY f /\n', 'c/f': 'x' });
  await ok('--platform', 'wasi/wasm', '-t', 'me/app:1', '-o', 'type=image', 'c');
  const du = async () => JSON.parse((await ok('cache', 'du', '--json')).stdout);
  expect(await du()).toMatchObject({ images: 1, cachedLayers: 0, cachedBytes: 0 });
  await ok('rmi', 'me/app:1');
  expect(await du()).toMatchObject({ images: 0, cachedLayers: 1 });
});
