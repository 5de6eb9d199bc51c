import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT, TESTDATA } from './rig.js';
import { runWasi } from './run-wasi.js';

const committed = fs.readFileSync(path.join(TESTDATA, 'hello-wasi/SampleApp/bin/debug/net7.0/SampleApp.wasm'));

test('the module of the demo is what its source assembles to', async () => {
  const { assembleHelloWasi } = await import(path.join(ROOT, 'scripts/make-hello-wasi.mjs'));
  expect(Buffer.from(await assembleHelloWasi())).toEqual(committed);
});

test('the module prints its greeting', () => {
  expect(runWasi(committed)).toBe('Hello from a WASI module in an image that wbuild made!\n');
});
