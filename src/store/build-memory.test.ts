import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { useRig } from '../test/rig.js';
import { sha256 } from '../util/digest.js';
import { BuildMemory, type NewMemory } from './build-memory.js';
import type { LayerKey } from './records.js';

const rig = useRig();
const NAME = sha256('a build');
const keyOf = (text: string): LayerKey => ({ shape: sha256('shape'), content: sha256(text) });
const layer = (text: string, listing?: string): NewMemory => {
  return {
    instruction: `COPY ${text} /`,
    options: { compression: 'gzip' },
    key: keyOf(text),
    ...(listing && { listing }),
  };
};
const open = (name = NAME) => new BuildMemory(rig.path('store'), name);
const onlyFile = () => {
  const folder = rig.path('store/explain/v1');
  return path.join(folder, fs.readdirSync(folder)[0]!);
};

test('what a build was made of is known to the next one of its name', async () => {
  expect(open().layers()).toEqual([]);
  await open().save([layer('a', 'listing a\n'), layer('b', 'listing b\n')]);
  const [a, b] = open().layers();
  expect(a).toMatchObject({ instruction: 'COPY a /', options: { compression: 'gzip' }, key: keyOf('a') });
  expect([open().listing(a!), open().listing(b!)]).toEqual(['listing a\n', 'listing b\n']);
  expect(open(sha256('another')).layers()).toEqual([]);
});

test('a listing that is not given again is kept by its key', async () => {
  await open().save([layer('a', 'listing a\n')]);
  const memory = open();
  memory.layers();
  await memory.save([layer('new', 'listing new\n'), layer('a')]);
  const [, a] = open().layers();
  expect(open().listing(a!)).toBe('listing a\n');
});

test('what is torn or flipped is not believed, and nothing fails', async () => {
  await open().save([layer('a', 'listing of some length\n'.repeat(50))]);
  const whole = fs.readFileSync(onlyFile());
  for (let at = 0; at < whole.length; at += 3) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1;
    fs.writeFileSync(onlyFile(), bytes);
    const memory = open();
    const [a] = memory.layers();
    if (a) expect(memory.listing(a)).toBeUndefined();
  }
  for (const length of [0, 10, whole.length >> 1, whole.length - 1]) {
    fs.writeFileSync(onlyFile(), whole.subarray(0, length));
    const memory = open();
    const [a] = memory.layers();
    if (a) expect(memory.listing(a)).toBeUndefined();
  }
  fs.writeFileSync(onlyFile(), whole);
  expect(open().listing(open().layers()[0]!)).toContain('some length');
});

test('where nothing can be written, nothing is remembered, and the build goes on', async () => {
  rig.write({ store: 'a file' });
  await open().save([layer('a', 'x')]);
  expect(open().layers()).toEqual([]);
});
