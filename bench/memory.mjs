#!/usr/bin/env node
// Peak memory of builds that are large in bytes or in files. Fails when one needs more than the limit. Method: bench/README.md, "Memory".
//   node bench/memory.mjs [--only TEXT] [--limit MiB] [--json] [--work DIR]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: opt } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    limit: { type: 'string', default: '250' },
    json: { type: 'boolean', default: false },
    work: { type: 'string', default: os.tmpdir() },
  },
});
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MIB = 1024 * 1024;
const work = fs.mkdtempSync(path.join(opt.work, 'wbuild-memory-'));

/** Bytes made from a fixed seed: half noise, half text that compresses. */
function block(index) {
  const seed = createHash('sha512').update(`wbuild ${index}`).digest();
  const noise = Buffer.alloc(MIB / 2);
  for (let at = 0, state = seed; at < noise.length; at += state.length) {
    state = createHash('sha512').update(state).digest();
    state.copy(noise, at);
  }
  return Buffer.concat([noise, Buffer.alloc(MIB / 2, seed.toString('hex'))]);
}

const CONTEXTS = {
  '1 GiB in one file'(dir) {
    // sixteen different blocks: enough to outgrow every window and buffer, and quick to make
    const blocks = Array.from({ length: 16 }, (_, i) => block(i));
    const file = fs.openSync(path.join(dir, 'big'), 'w');
    for (let i = 0; i < 1024; i++) fs.writeSync(file, blocks[(i * 7) % 16]);
    fs.closeSync(file);
  },
  '100,000 files of 1 KiB'(dir) {
    const bytes = block(0);
    for (let d = 0; d < 1000; d++) {
      const folder = path.join(dir, `d${d}`);
      fs.mkdirSync(folder);
      for (let f = 0; f < 100; f++) {
        const at = ((d * 100 + f) * 1024) % (bytes.length - 1024);
        fs.writeFileSync(path.join(folder, `f${f}`), bytes.subarray(at, at + 1024));
      }
    }
  },
};

const OUTPUTS = {
  'oci, gzip': ['-o', 'type=oci,dest=OUT'],
  'oci, uncompressed': ['-o', 'type=oci,dest=OUT,compression=uncompressed'],
  'oci folder, gzip': ['-o', 'type=oci,dest=OUT,tar=false'],
  'docker, gzip': ['-o', 'type=docker,dest=OUT'],
  local: ['-o', 'type=local,dest=OUT'],
};

/** The child writes its own peak as it exits: the kernel's count (VmHWM), of the process alone. */
const HOOK = path.join(work, 'hook.cjs');
fs.writeFileSync(
  HOOK,
  `process.on('exit', () => require('fs').writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS)));`,
);

function run(context, args) {
  const peak = path.join(work, 'peak');
  const out = path.join(work, 'out');
  const started = process.hrtime.bigint();
  const child = spawnSync(
    process.execPath,
    ['--require', HOOK, path.join(ROOT, 'bin/wbuild.js'), 'build', ...args.map((a) => a.replace('OUT', out)), context],
    { encoding: 'utf8', env: { ...process.env, PEAK_FILE: peak, XDG_CACHE_HOME: path.join(work, 'cache') } },
  );
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (child.status !== 0) throw new Error(`wbuild ended with ${child.status}:\n${child.stderr}`);
  fs.rmSync(out, { recursive: true, force: true });
  fs.rmSync(path.join(work, 'cache'), { recursive: true, force: true });
  return { mib: Number(fs.readFileSync(peak, 'utf8')) / 1024, seconds };
}

const results = [];
try {
  for (const [name, make] of Object.entries(CONTEXTS)) {
    const wanted = Object.entries(OUTPUTS).filter(([output]) => `${name}, ${output}`.includes(opt.only));
    if (wanted.length === 0) continue;
    const context = path.join(work, 'context');
    fs.mkdirSync(context);
    make(context);
    const dockerfile = path.join(work, 'Dockerfile');
    fs.writeFileSync(dockerfile, 'FROM scratch\nCOPY . /\n');
    for (const [output, args] of wanted) {
      const { mib, seconds } = run(context, ['-f', dockerfile, ...args]);
      results.push({ name, output, mib: Math.round(mib), seconds: Number(seconds.toFixed(1)) });
      if (!opt.json) console.log(`${name}, ${output}: ${mib.toFixed(0)} MiB at most, ${seconds.toFixed(1)} s`);
    }
    fs.rmSync(context, { recursive: true });
  }
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
if (opt.json) console.log(JSON.stringify({ limit: Number(opt.limit), node: process.version, results }, null, 2));
const over = results.filter((r) => r.mib > Number(opt.limit));
for (const r of over) console.error(`over the limit of ${opt.limit} MiB: ${r.name}, ${r.output}: ${r.mib} MiB`);
process.exitCode = over.length > 0 ? 1 : 0;
