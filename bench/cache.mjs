#!/usr/bin/env node
// What the cache costs and saves, as ratios against programs that do the least one can do. Method: bench/README.md, "The cache".
//   node bench/cache.mjs [--only TEXT] [--runs N] [--json] [--check] [--work DIR]     --check: exit code 1 when a goal is missed
// BuildKit takes part where PEERS_ROOTFS and PEERS_EXCHANGE say that it is there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values: opt } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    work: { type: 'string' },
  },
});
const { PEERS_ROOTFS: rootfs, PEERS_EXCHANGE: exchange } = process.env;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = path.join(ROOT, 'bin/wbuild.js');
const runs = Number(opt.runs);
const work = fs.mkdtempSync(path.join(opt.work ?? exchange ?? os.tmpdir(), 'wbuild-cache-'));
const at = (...parts) => path.join(work, ...parts);

/** The child writes down its own peak as it exits (MiB, the kernel's count). */
const HOOK = at('hook.cjs');
fs.writeFileSync(
  HOOK,
  `process.on('exit', () => require('fs').writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS / 1024)));`,
);

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rows = [];

/** Runs a program; seconds, by the wall. */
function timed(command, args, env = {}) {
  const started = process.hrtime.bigint();
  const child = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 30,
    cwd: '/',
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (child.status !== 0) throw new Error(`${command} ended with ${child.status}:\n${child.stderr}`);
  return seconds;
}

function wbuild(context, ...more) {
  const env = { PEAK_FILE: at('peak'), NODE_OPTIONS: `--require ${HOOK}`, SOURCE_DATE_EPOCH: '0' };
  const seconds = timed(
    process.execPath,
    [
      BIN,
      '--progress',
      'quiet',
      '--cache-dir',
      at('store'),
      '-o',
      `type=oci,dest=${at('wbuild.tar')}`,
      ...more,
      context,
    ],
    env,
  );
  return { seconds, mib: Number(fs.readFileSync(at('peak'), 'utf8')) };
}

function buildkit(context, rewrite) {
  const inside = (file) => file.replace(exchange, '/exchange');
  const env = ['-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', ...(rewrite ? ['SOURCE_DATE_EPOCH=0'] : [])];
  const out = `type=oci,dest=${inside(at('buildkit.tar'))}${rewrite ? ',rewrite-timestamp=true' : ''}`;
  const args = ['buildx', 'build', '-q', '--provenance=false', '-o', out, inside(context)];
  return timed('chroot', [rootfs, '/usr/bin/env', ...env, 'docker', ...args]);
}

/** Runs two sides in turn, round after round: the medians, and the median of the ratios round by round. */
function compare(name, goal, ours, theirs, { atLeast = false } = {}) {
  if (!name.includes(opt.only)) return;
  const [a, b] = [[], []];
  for (let i = 0; i < runs; i++) {
    b.push(theirs());
    a.push(ours());
  }
  const ratio = median(atLeast ? b.map((x, i) => x / a[i]) : a.map((x, i) => x / b[i]));
  const held = atLeast ? ratio >= goal : ratio <= goal;
  rows.push({ name, ours: median(a), theirs: median(b), ratio, goal, atLeast, held });
  if (!opt.json) {
    const figures = `${median(a).toFixed(3)} s beside ${median(b).toFixed(3)} s`;
    const times = `${ratio.toFixed(2)} times ${atLeast ? 'faster' : 'as long'}`;
    console.log(
      `${name}: ${figures}: ${times} (goal: ${atLeast ? 'at least' : 'at most'} ${goal}${held ? '' : ', MISSED'})`,
    );
  }
}

function files(name, count) {
  const context = at(name);
  const folders = Math.ceil(count / 100);
  for (let d = 0; d < folders; d++) {
    fs.mkdirSync(path.join(context, `d${d}`), { recursive: true });
    for (let f = 0; f < Math.min(100, count - 100 * d); f++)
      fs.writeFileSync(path.join(context, `d${d}/f${f}`), `${d} ${f} `.repeat(100).slice(0, 1024));
  }
  fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY . /\n');
  return context;
}

function noise(name, mib) {
  const context = at(name);
  fs.mkdirSync(context);
  fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY big /\n');
  // sixteen different blocks: enough to outgrow every window, and quick to make
  let state = Buffer.from('wbuild');
  const blocks = Array.from({ length: 16 }, () => {
    const block = Buffer.alloc(1024 * 1024);
    for (let p = 0; p < block.length; p += 64) {
      state = createHash('sha512').update(state).digest();
      state.copy(block, p);
    }
    return block;
  });
  const file = fs.openSync(path.join(context, 'big'), 'w');
  for (let i = 0; i < mib; i++) fs.writeSync(file, blocks[(i * 7) % 16]);
  fs.closeSync(file);
  return context;
}

/** Digests are trusted of files only that were two seconds old when they were hashed. */
const settle = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2200);
const done = (context) => fs.rmSync(context, { recursive: true });
const wanted = (...names) => names.some((name) => name.includes(opt.only));

try {
  const small = 'no change, 10,000 files, beside BuildKit';
  if (rootfs && exchange && wanted(`${small} with rewrite-timestamp`, `${small} without`)) {
    const context = files('ten', 10_000);
    settle();
    wbuild(context);
    for (const rewrite of [true, false]) {
      buildkit(context, rewrite);
      const name = `${small} ${rewrite ? 'with rewrite-timestamp' : 'without'}`;
      compare(
        name,
        6,
        () => wbuild(context).seconds,
        () => buildkit(context, rewrite),
        { atLeast: true },
      );
    }
    done(context);
  } else if (!rootfs) console.error('BuildKit is not here (PEERS_ROOTFS): left out');

  const big = 'no change, 1 GiB in one file, beside cp of the archive';
  if (wanted(big)) {
    const context = noise('big', 1024);
    settle();
    wbuild(context);
    fs.copyFileSync(at('wbuild.tar'), at('archive.tar'));
    const cp = () => {
      fs.rmSync(at('copy.tar'), { force: true });
      return timed('cp', ['--reflink=never', at('archive.tar'), at('copy.tar')]);
    };
    const ours = () => {
      fs.rmSync(at('wbuild.tar'), { force: true });
      return wbuild(context).seconds;
    };
    compare(big, 1.5, ours, cp);
    for (const name of ['archive.tar', 'copy.tar', 'wbuild.tar', 'store'])
      fs.rmSync(at(name), { recursive: true, force: true });
    done(context);
  }

  const pass = 'the stat pass over 100,000 files, beside find -printf';
  if (wanted(pass)) {
    const context = files('hundred', 100_000);
    const { readLocalTree } = await import(pathToFileURL(path.join(ROOT, 'dist/context/local-context.js')).href);
    const FIELDS = '%y %m %U %G %s %T@ %C@ %i %D %n %l %P\\n';
    const inProcess = () => {
      const started = performance.now();
      readLocalTree(context, { followPaths: [], excludes: [] }, new Set());
      return (performance.now() - started) / 1000;
    };
    const list = fs.openSync(at('list'), 'w');
    const find = () => {
      const started = process.hrtime.bigint();
      spawnSync('find', [context, '-printf', FIELDS], { stdio: ['ignore', list, 'inherit'] });
      return Number(process.hrtime.bigint() - started) / 1e9;
    };
    compare(pass, 1.5, inProcess, find);
    fs.closeSync(list);
    done(context);
  }

  const growth = 'growth';
  if (wanted(growth)) {
    for (const count of [1000, 10_000, 100_000, 300_000]) {
      const context = files('grow', count);
      settle();
      const cold = wbuild(context);
      const warm = wbuild(context);
      const micro = (seconds) => Number(((seconds / count) * 1e6).toFixed(1));
      const held = count !== 100_000 || Math.max(cold.mib, warm.mib) < 300;
      const row = {
        name: `${growth}: ${count} files`,
        count,
        cold,
        warm,
        microsecondsPerFile: [micro(cold.seconds), micro(warm.seconds)],
        held,
      };
      rows.push(row);
      if (!opt.json) {
        const side = (name, r) => `${name} ${r.seconds.toFixed(2)} s, ${r.mib.toFixed(0)} MiB`;
        console.log(
          `${row.name}: ${side('cold', cold)}; ${side('no change', warm)}; ${row.microsecondsPerFile.join(' and ')} µs a file`,
        );
      }
      fs.rmSync(at('store'), { recursive: true });
      done(context);
    }
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
if (opt.json) console.log(JSON.stringify({ node: process.version, cpus: os.cpus().length, runs, rows }, null, 2));
if (opt.check && rows.some((row) => !row.held)) process.exitCode = 1;
