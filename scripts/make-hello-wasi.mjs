#!/usr/bin/env node
// Assembles testdata/hello-wasi/hello.wat into the module that the Dockerfile beside it copies. The module is committed, so that
// the demo needs no assembler; src/test/hello-wasi.test.ts shows that this script gives the same bytes.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import loadWabt from 'wabt';

const folder = new URL('../testdata/hello-wasi/', import.meta.url);

/** @returns {Promise<Uint8Array>} the module, which has no names and no other debug data */
export async function assembleHelloWasi() {
  const wabt = await loadWabt();
  const module = wabt.parseWat('hello.wat', fs.readFileSync(new URL('hello.wat', folder), 'utf8'));
  try {
    module.resolveNames();
    module.validate();
    return module.toBinary({ write_debug_names: false }).buffer;
  } finally {
    module.destroy();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('SampleApp/bin/debug/net7.0/SampleApp.wasm', folder);
  fs.mkdirSync(new URL('.', file), { recursive: true });
  fs.writeFileSync(file, await assembleHelloWasi());
}
