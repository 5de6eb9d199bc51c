#!/usr/bin/env node
// The differential fuzzer: random builds, made by wbuild and by a real BuildKit, compared byte for byte. docs/fuzzing.md says how to use it.
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { BuildKit } from './fuzz/buildkit.mjs';
import { CheckComparer } from './fuzz/check.mjs';
import { Comparer } from './fuzz/compare.mjs';
import { caseArbitrary } from './fuzz/generate.mjs';
import { saveCase, shrink } from './fuzz/shrink.mjs';
import { Wbuild } from './fuzz/wbuild.mjs';
import { clearResult, ROOT, SHARED, writeResult } from './results.mjs';
import { obstacle, startPeers } from './start-peers.mjs';

const HELP = `npm run fuzz -- [options]

  --seed N            what is drawn (default: from the clock; printed)
  --seconds N         how long (default 60)
  --count N           how many comparisons, instead
  --replay SEED:PATH  one case again, shrunk (a difference that was found prints this)
  --check             compare wbuild check with docker buildx build --check, and build nothing
  --case FILE         one case in the format of ../shared/parity, from a file
  --save DIR          writes each shrunk case there, with what BuildKit gave as \`expect\`
  --builder ADDR      a buildkitd: unix:///path or tcp://host:port; needs docker-buildx on PATH, and no docker
  --docker-host ADDR  the daemon, as seen from --rootfs; default: FUZZ_DOCKER_HOST, else the dockerd that ../shared/peers/up.sh starts
  --rootfs DIR        the root that docker runs in; default: with --docker-host this one, else FUZZ_ROOTFS or that of the peers
  --work DIR          a folder in that root, best in memory; default: FUZZ_WORK, that of the peers, or the folder for temporary files
  --batch N           cases in one call of docker buildx bake (default 40)
  --jobs N            calls at a time (default 2)
  --prune-every N     drops the daemon's build cache after so many builds (FUZZ_PRUNE_EVERY; default 0: never)
  --no-shrink         tell and go on
  --shrink-seconds N  for one case (default 90)
  --max-failures N    stop after that many different ones (default 5)
  --verbose`;

/**
 * A daemon may be older than the BuildKit that wbuild follows, which is master of August 2026. These are the features that not every daemon
 * has, each with the smallest build that shows whether this one agrees; one that does not is not drawn, and the run says so.
 */
const PROBES = {
  symbolic: ['symbolic --chmod', 'FROM scratch\nCOPY --chmod=u=rwX,go=rX d /x\n'],
  octal: [
    'octal --chmod other than 755 (older ones make parents with that)',
    'FROM scratch\nCOPY --chmod=0700 d /x/y\n',
  ],
  parents: ['--parents', 'FROM scratch\nCOPY --parents d/./e d/f /x/\n'],
  exclude: ['--exclude', 'FROM scratch\nCOPY --exclude=e/** d /x\n'],
  writable: [
    'octal --chmod that lets group or others write (older ones make parents without that)',
    'FROM scratch\nCOPY --chmod=0777 d /x/y\n',
  ],
};

const { values: opt } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    count: { type: 'string' },
    replay: { type: 'string' },
    check: { type: 'boolean', default: false },
    case: { type: 'string' },
    save: { type: 'string' },
    builder: { type: 'string' },
    rootfs: { type: 'string' },
    'docker-host': { type: 'string' },
    work: { type: 'string' },
    batch: { type: 'string', default: '40' },
    jobs: { type: 'string', default: '2' },
    'prune-every': { type: 'string', default: process.env.FUZZ_PRUNE_EVERY ?? '0' },
    'no-shrink': { type: 'boolean', default: false },
    'shrink-seconds': { type: 'string', default: '90' },
    'max-failures': { type: 'string', default: '5' },
    verbose: { type: 'boolean', default: false },
  },
});

async function findFeatures(comparer) {
  const context = [
    { path: 'd/e', text: 'e' },
    { path: 'd/f', text: 'f' },
  ];
  const features = {};
  for (const [key, [about, dockerfile]] of Object.entries(PROBES)) {
    const { verdict } = await comparer.compareAlone({ dockerfile, context, platform: 'wasi/wasm', epoch: 0 });
    features[key] = verdict === undefined;
    if (verdict) console.log(`fuzz: not drawn, since this daemon differs: ${about}`);
  }
  return features;
}

/** One case from a file. @returns the exit code */
async function runCase(comparer) {
  const { name, expect: _expect, about, area: _area, anyLine: _anyLine, ...c } = readCase(opt.case);
  const found = await comparer.compareAlone({ context: [], platform: 'wasi/wasm', ...c });
  const outcome = opt.check ? 'checked' : found.result.ok ? 'built' : `refused: ${found.result.error}`;
  console.log(found.verdict ? [found.verdict.kind, ...found.verdict.details].join('\n') : `no difference (${outcome})`);
  if (opt.save && !opt.check) saveCase(opt.save, { c, ...found }, { name: name ?? 'case', about: about ?? '' });
  return found.verdict ? 1 : 0;
}

const readCase = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

/** Draws and compares until it is time. @returns the exit code */
async function run(comparer, arbitrary) {
  const seed = opt.seed === undefined ? randomInt(2 ** 31) : Number(opt.seed);
  const count = opt.count === undefined ? Infinity : Number(opt.count);
  const seconds = opt.seconds === undefined ? (opt.count === undefined ? 60 : Infinity) : Number(opt.seconds);
  console.log(`fuzz: seed ${seed}`);
  const started = Date.now();
  const elapsed = () => (Date.now() - started) / 1000;
  const { tally } = comparer;
  const seen = new Map();
  const over = () => elapsed() >= seconds || tally.compared >= count || seen.size >= Number(opt['max-failures']);
  let next = 0;
  let said = 0;
  const one = async () => {
    while (!over()) {
      const batchSeed = (Math.imul(seed, 0x9e3779b1) + next++) | 0;
      const cases = fc.sample(arbitrary, { seed: batchSeed, numRuns: Number(opt.batch) });
      for (const [i, verdict] of (await comparer.compareBatch(cases)).entries())
        if (verdict) await tell(verdict, { seed: batchSeed, at: String(i) });
      if (elapsed() - said > 30) {
        said = elapsed();
        console.log(`fuzz: ${tally.compared} compared in ${said.toFixed(0)} s, ${tally.different} differ`);
      }
    }
  };
  const tell = async ({ signature, details }, place) => {
    const times = (seen.get(signature) ?? 0) + 1;
    seen.set(signature, times);
    if (times > 1) {
      console.log(`again: ${signature}: npm run fuzz -- --replay=${place.seed}:${place.at}`);
      return;
    }
    console.log(`\nDIFFERENCE: ${signature}\n  npm run fuzz -- --replay=${place.seed}:${place.at}`);
    for (const line of details.slice(0, 6)) console.log(`  > ${line}`);
    if (opt['no-shrink']) return;
    await shrink(arbitrary, place, { comparer, seconds: Number(opt['shrink-seconds']), save: opt.save, signature });
  };
  await Promise.all(Array.from({ length: Number(opt.jobs) }, one));
  return conclude(comparer, { seed, elapsed: elapsed(), seen });
}

function conclude(comparer, { seed, elapsed, seen }) {
  const { compared, different } = comparer.tally;
  const rate = (compared / elapsed).toFixed(1);
  console.log(`
fuzz: seed ${seed}: ${compared} compared in ${elapsed.toFixed(0)} s (${rate} a second)
${comparer.summary()}`);
  for (const [signature, times] of seen) console.log(`  ${String(times).padStart(5)}  ${signature}`);
  const failed = compared === 0 ? 1 : different;
  writeResult('fuzz', { passed: compared - different, failed, skipped: 0 });
  console.log(`${compared - different} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

async function main() {
  if (opt.help) {
    console.log(HELP);
    return 0;
  }
  clearResult('fuzz');
  const daemon = findDaemon();
  const { readImage } = await import(pathToFileURL(path.join(SHARED, 'parity/ocitar.mjs')).href);
  fs.mkdirSync(daemon.work, { recursive: true });
  const work = fs.mkdtempSync(path.join(daemon.work, 'fuzz-'));
  const copy = copyProgram();
  const wbuild = new Wbuild({ dist: path.join(copy, 'dist'), cacheDir: path.join(work, 'cache') });
  try {
    const comparer = new (opt.check ? CheckComparer : Comparer)({
      kit: new BuildKit({ ...daemon, config: path.join(work, 'buildx') }),
      wbuild,
      work,
      program: path.join(copy, 'bin/wbuild.js'),
      readImage,
      jobs: Number(opt.jobs),
      pruneEvery: Number(opt['prune-every']),
      ...(opt.verbose && { log: console.log }),
    });
    console.log(`fuzz: ${await comparer.kit.version()} at ${daemon.builder ?? daemon.host}`);
    const features = await findFeatures(comparer);
    if (opt.case) return await runCase(comparer);
    const arbitrary = caseArbitrary(features);
    if (!opt.replay) return await run(comparer, arbitrary);
    const [seed, ...rest] = opt.replay.split(':');
    const place = { seed: Number(seed), at: rest.join(':') };
    await shrink(arbitrary, place, { comparer, seconds: Number(opt['shrink-seconds']), save: opt.save });
    return 1;
  } finally {
    await wbuild.close();
    for (const dir of [work, copy]) fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** @returns { host, rootfs, work }: the daemon's address as seen from its root, that root, and a folder in it that both sides see; or { builder, work } */
function findDaemon() {
  if (opt.builder !== undefined) return { builder: opt.builder, work: opt.work ?? tmpdir() };
  const { FUZZ_DOCKER_HOST, FUZZ_ROOTFS, FUZZ_WORK } = process.env;
  const given = { host: opt['docker-host'], rootfs: opt.rootfs, work: opt.work };
  if (given.host !== undefined)
    return { ...given, rootfs: given.rootfs ?? '', work: given.work ?? given.rootfs ?? tmpdir() };
  if (FUZZ_DOCKER_HOST !== undefined)
    return merge({ host: FUZZ_DOCKER_HOST, rootfs: FUZZ_ROOTFS ?? '', work: FUZZ_WORK ?? tmpdir() }, given);
  const reason = obstacle();
  if (reason !== undefined) throw new Error(`${reason}; name a daemon with --docker-host`);
  const { PEERS_ROOTFS, PEERS_EXCHANGE } = startPeers();
  return merge({ host: 'unix:///run/docker.sock', rootfs: PEERS_ROOTFS, work: PEERS_EXCHANGE }, given);
}

const merge = (defaults, given) => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)),
});

/** The program as it is now: whoever builds meanwhile must not change it under us. */
function copyProgram() {
  const cache = path.join(ROOT, 'node_modules/.cache');
  fs.mkdirSync(cache, { recursive: true });
  const copy = fs.mkdtempSync(path.join(cache, 'fuzz-'));
  for (const part of ['dist', 'bin', 'package.json'])
    fs.cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true });
  return copy;
}

process.exitCode = await main();
