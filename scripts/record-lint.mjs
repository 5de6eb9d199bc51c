#!/usr/bin/env node
// Records what BuildKit's own linter says of testdata/lint/*/Dockerfile, into buildkit.json beside each: node scripts/record-lint.mjs RECORDER
// RECORDER is a program over BuildKit's `dockerfile2llb.DockerfileLint`, which `docker buildx build --check` calls: it reads lines of
// {"Name","Dockerfile","Ignore","Target","Platform"} and prints lines of {"name","warnings":[{"rule","line"}],"error","errorLine"}.
// testdata/lint/README.md says how it was made. The tests need what was recorded, not the recorder.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './results.mjs';

const [recorder] = process.argv.slice(2);
if (!recorder) throw new Error('usage: record-lint.mjs RECORDER');
const folder = path.join(ROOT, 'testdata/lint');
const read = (name, file) => {
  const full = path.join(folder, name, file);
  return fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : '';
};
const option = (name, key) => new RegExp(`--${key} (\\S+)`).exec(read(name, 'options'))?.[1] ?? '';

const names = fs.readdirSync(folder).filter((name) => fs.existsSync(path.join(folder, name, 'Dockerfile')));
const requests = names.map((name) => ({
  Name: name,
  Dockerfile: read(name, 'Dockerfile'),
  Ignore: read(name, '.dockerignore'),
  Target: option(name, 'target'),
  Platform: option(name, 'platform'),
}));
const input = requests.map((request) => `${JSON.stringify(request)}\n`).join('');
const { status, stdout, stderr } = spawnSync(recorder, { input, encoding: 'utf8', maxBuffer: 1 << 28 });
if (status !== 0) throw new Error(`${recorder} failed:\n${stderr}`);
for (const line of stdout.trimEnd().split('\n')) {
  const { name, warnings, error, errorLine } = JSON.parse(line);
  const found = (warnings ?? []).map(({ rule, line }) => `${rule} ${line}`);
  const record = { warnings: found, ...(error && { error, ...(errorLine && { errorLine }) }) };
  fs.writeFileSync(path.join(folder, name, 'buildkit.json'), `${JSON.stringify(record, null, 2)}\n`);
}
