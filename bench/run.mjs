#!/usr/bin/env node
// wbuild beside its peers: medians, ratios and goals. Method and how to read the numbers: bench/README.md.
//   npm run bench -- [--rows wasm,stages] [--programs gzip,plain,pipe-pigz] [--runs N] [--no-peers] [--write] [--check] [--work DIR]
//   npm run bench -- memory|cache|frontend …     a bench of its own, bench/<name>.mjs, with the flags that it has
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { judge } from './goals.mjs';
import { PROGRAMS, peakMemory, STARTUP, workFolder } from './programs.mjs';
import { writeReport } from './report.mjs';
import { changeOneByte, prepare, WORKLOADS } from './workloads.mjs';

const [word, ...rest] = process.argv.slice(2);
if (/^[a-z]+$/.test(word ?? '')) {
  const file = fileURLToPath(new URL(`${word}.mjs`, import.meta.url));
  if (!fs.existsSync(file)) {
    console.error(`there is no bench ${word}: bench/${word}.mjs is missing`);
    process.exit(2);
  }
  process.exit(spawnSync(process.execPath, [file, ...rest], { stdio: 'inherit' }).status ?? 1);
}

const { values: opt } = parseArgs({
  options: {
    rows: { type: 'string', default: Object.keys(WORKLOADS).join() },
    programs: { type: 'string', default: Object.keys(PROGRAMS).join() },
    runs: { type: 'string', default: '5' },
    'no-peers': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    work: { type: 'string' },
  },
});

const runs = Number(opt.runs);
/** How often rows that take half a minute or more are run. */
const FEW = { '1g': Math.min(runs, 3), '100k': Math.min(runs, 3) };
const wanted = opt.programs.split(',').filter((name) => {
  if (!PROGRAMS[name]) throw new Error(`there is no program ${name}: ${Object.keys(PROGRAMS).join(', ')}`);
  return PROGRAMS[name].there && !(opt['no-peers'] && PROGRAMS[name].peer);
});
for (const name of Object.keys(PROGRAMS)) if (!PROGRAMS[name].there) console.log(`not here: ${PROGRAMS[name].title}`);

const work = workFolder(opt.work);

/** Seconds by cell: `row/program/case` → the list of them. */
const times = new Map();
const memory = new Map();
const lost = new Set();
function note(key, seconds) {
  times.set(key, [...(times.get(key) ?? []), seconds]);
}

/** A digest is trusted once its file has been left alone for two seconds (context/stat-cache.ts). */
function settle() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2200);
}

/** One round: every program in turn, so that a machine that slows down slows all of them. */
function round(row, job) {
  for (const name of wanted.filter((n) => !lost.has(n))) {
    const program = PROGRAMS[name];
    const own = { ...job, cache: `${job.cache}-${name}` };
    if (program.again) settle();
    try {
      note(`${row}/${name}/cold`, program.cold(own));
    } catch (error) {
      if (!program.peer) throw error;
      // a peer that does not run here is no reason to measure nothing
      lost.add(name);
      console.log(`left out: ${program.title}: ${error.message.split('\n').slice(0, 2).join(' ')}`);
      continue;
    }
    if (!program.again) continue;
    note(`${row}/${name}/same`, program.again(own));
    changeOneByte(job.touched);
    note(`${row}/${name}/changed`, program.again(own));
  }
  if (row !== 'wasm') return;
  for (const name of Object.keys(STARTUP)) note(`${row}/${name}/cold`, STARTUP[name]());
}

try {
  for (const row of opt.rows.split(',')) {
    if (!WORKLOADS[row]) throw new Error(`there is no row ${row}: ${Object.keys(WORKLOADS).join(', ')}`);
    const job = { ...prepare(row, work), out: `${work}/out`, cache: `${work}/cache` };
    for (const name of ['gzip', 'plain']) {
      // the warm-up, too: files are in memory from here on
      if (wanted.includes(name)) memory.set(`${row}/${name}`, peakMemory(PROGRAMS[name], job));
    }
    const count = row === 'wasm' ? 3 * runs : (FEW[row] ?? runs);
    for (let i = 0; i < count; i++) round(row, job);
    fs.rmSync(`${work}/${row}`, { recursive: true });
    console.log(`${row}: done`);
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}

const verdicts = judge(times, memory);
writeReport({ times, memory, verdicts, runs, rows: opt.rows.split(','), write: opt.write });
if (opt.check) {
  const failed = verdicts.filter((v) => v.ratio !== undefined && !v.withinGuard);
  for (const { goal, ratio } of failed) console.error(`worse than the guard: ${goal.about}: ${ratio.toFixed(2)}`);
  console.log(`${verdicts.length - failed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length > 0 || verdicts.length === 0 ? 1 : 0;
}
