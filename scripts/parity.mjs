#!/usr/bin/env node
// Compares wbuild with what BuildKit gave (../shared/parity): every case, then 14 output options. Fails below the floor in testdata/parity-floor.json,
// and on any crash. Arguments go to run.mjs, as in `npm run test:parity -- --only copy-glob/`; with arguments there is no floor, and details are shown.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BIN, clearResult, inCI, percent, ROOT, SHARED, writeResult } from './results.mjs';

const parity = path.join(SHARED, 'parity');
const args = process.argv.slice(2);
const floor = JSON.parse(fs.readFileSync(path.join(ROOT, 'testdata/parity-floor.json'), 'utf8'));
/** `--wbuild` is a piece of shell. */
const wbuild = ['--wbuild', `'${process.execPath}' '${BIN}'`];

if (!fs.existsSync(parity)) {
  console.log('parity: skipped, since ../shared/parity is not there');
  process.exit(inCI ? 1 : 0);
}

/** Runs one of the tools and gives its standard output line by line. */
function run(tool, flags, onLine) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(parity, tool), ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      lines.forEach(onLine);
    });
    child.on('error', reject);
    child.on('close', resolve);
  });
}

/** @returns {Promise<{areas: Record<string, {identical: number, total: number}>, identical: number, total: number, crashed: number}>} */
async function runCases() {
  const areas = {};
  let crashed = 0;
  await run('run.mjs', [...wbuild, '--json', '--jobs', '2', ...args, path.join(parity, 'cases')], (line) => {
    const { id, about, verdict, details } = JSON.parse(line);
    if (id === undefined) return; // the sum
    const [area] = id.split('/');
    areas[area] ??= { identical: 0, total: 0 };
    areas[area].total++;
    if (verdict === 'identical') areas[area].identical++;
    else console.log(`${verdict}: ${id} (${about})`);
    if (verdict === 'crashed' || verdict === 'timed out') crashed++;
    if (verdict !== 'identical' && (args.length > 0 || verdict === 'crashed'))
      for (const detail of details) console.log(`    ${detail}`);
  });
  const sum = (key) => Object.values(areas).reduce((n, area) => n + area[key], 0);
  return {
    areas: Object.fromEntries(Object.entries(areas).sort()),
    identical: sum('identical'),
    total: sum('total'),
    crashed,
  };
}

async function runOutputs() {
  let score;
  await run('outputs.mjs', wbuild, (line) => {
    score = /^(\d+) of (\d+) identical$/.exec(line) ?? score;
    if (line.startsWith('differs')) console.log(line.replace(/^differs +/, 'output differs: '));
  });
  if (!score) throw new Error('outputs.mjs gave no score');
  return { identical: Number(score[1]), total: Number(score[2]) };
}

const line = (name, { identical, total }) =>
  `parity, ${name}: ${identical} of ${total} identical (${percent(identical, total)})`;

if (args.length > 0) {
  const cases = await runCases();
  console.log(line('cases', cases));
  process.exitCode = cases.identical === cases.total ? 0 : 1;
} else {
  ['parity', 'outputs'].forEach(clearResult);
  const cases = await runCases();
  writeResult('parity', cases);
  const outputs = await runOutputs();
  writeResult('outputs', outputs);
  const faults = [
    cases.identical < Math.ceil(cases.total * floor.cases) &&
      `fewer cases are identical than ${percent(floor.cases, 1)}`,
    outputs.identical < Math.ceil(outputs.total * floor.outputs) &&
      `fewer outputs are identical than ${percent(floor.outputs, 1)}`,
    cases.crashed > 0 && `${cases.crashed} cases crashed`,
  ].filter(Boolean);
  console.log(`${line('cases', cases)}\n${line('outputs', outputs)}`);
  for (const fault of faults) console.log(`parity: FAILED: ${fault}`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
