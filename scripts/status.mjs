#!/usr/bin/env node
// Keeps the status table of README.md, between <!-- status --> and <!-- /status -->, from what the lanes counted last.
//   node scripts/status.mjs           runs the parity lane and the LLB vectors, then rewrites the table
//   node scripts/status.mjs --write   rewrites the table from the results that are there
//   node scripts/status.mjs --check   fails when the table does not say what the results say
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { percent, ROOT, readResult, runJest } from './results.mjs';

const readme = path.join(ROOT, 'README.md');
const mode = process.argv[2];
const START = '<!-- status -->\n';
const END = '<!-- /status -->';

if (mode === undefined) {
  spawnSync(process.execPath, [path.join(ROOT, 'scripts/parity.mjs')], { stdio: 'inherit' });
  runJest('llb-tests', ['src/test/e2e/llb-vectors']);
}

const row = (name, { identical, total }) => `| ${name} | ${identical} of ${total} | ${percent(identical, total)} |`;

function table() {
  const [parity, outputs, llb] = ['parity', 'outputs', 'llb'].map(readResult);
  if (!parity || !outputs) throw new Error('there are no results yet: run `npm run test:parity`');
  return [
    'Identical with BuildKit, byte for byte (`npm run status` writes this table):',
    '',
    '| | identical | |',
    '| --- | ---: | ---: |',
    row('**Parity cases**', parity),
    ...Object.entries(parity.areas).map(([area, score]) => row(`· ${area}`, score)),
    row('**Output options**', outputs),
    ...(llb ? [row('**LLB vectors**', llb)] : []),
    '',
  ].join('\n');
}

const text = fs.readFileSync(readme, 'utf8');
const start = text.indexOf(START);
const end = text.indexOf(END);
if (start < 0 || end < start) throw new Error('README.md has no <!-- status --> … <!-- /status -->');
const wanted = text.slice(0, start + START.length) + table() + text.slice(end);

if (mode === '--check') {
  if (text === wanted) console.log('status: the table of README.md is up to date');
  else console.log(`status: FAILED: the table of README.md is out of date: npm run status\n${table()}`);
  process.exitCode = text === wanted ? 0 : 1;
} else {
  fs.writeFileSync(readme, wanted);
}
