#!/usr/bin/env node
// Runs the WASI preview 1 module that comes on standard input; exits as the module does.
import fs from 'node:fs';
import { WASI } from 'node:wasi';

const wasi = new WASI({ version: 'preview1' });
const { instance } = await WebAssembly.instantiate(fs.readFileSync(0), wasi.getImportObject());
process.exitCode = wasi.start(instance);
