#!/usr/bin/env node
// proto/*.proto → src/buildkit/proto/*_pb.ts, by the pinned buf and protoc-gen-es. The output is committed: a build does not need the generator.
//   node scripts/generate-proto.mjs           writes it
//   node scripts/generate-proto.mjs --check   only says whether what is committed is what the files give
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from './results.mjs';

const target = path.join(ROOT, 'src/buildkit/proto');
const bin = (name) => path.join(ROOT, 'node_modules/.bin', name);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'wbuild-proto-'));

/** Runs the generator. @returns file name → text */
function generate() {
  const template = {
    version: 'v2',
    plugins: [
      { local: bin('protoc-gen-es'), out: scratch, opt: ['target=ts', 'import_extension=js', 'ts_nocheck=false'] },
    ],
  };
  const args = ['generate', path.join(ROOT, 'proto'), '--template', JSON.stringify(template)];
  const { status, error } = spawnSync(bin('buf'), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) throw error;
  if (status !== 0) throw new Error('buf generate failed');
  return new Map(fs.readdirSync(scratch).map((name) => [name, fs.readFileSync(path.join(scratch, name), 'utf8')]));
}

try {
  const files = generate();
  const present = fs.existsSync(target) ? fs.readdirSync(target) : [];
  const stale = [
    ...[...files]
      .filter(([name, text]) => !present.includes(name) || fs.readFileSync(path.join(target, name), 'utf8') !== text)
      .map(([name]) => name),
    ...present.filter((name) => !files.has(name)),
  ];
  if (process.argv.includes('--check')) {
    if (stale.length > 0) console.error(`not what proto/ gives: ${stale.join(', ')}; run npm run generate:proto`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    fs.rmSync(target, { recursive: true, force: true });
    fs.mkdirSync(target, { recursive: true });
    for (const [name, text] of files) fs.writeFileSync(path.join(target, name), text);
  }
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
