#!/usr/bin/env node
// `npm run test:matrix`: the same builds give the same digests everywhere, those of testdata/digests.json.
//   --update        writes testdata/digests.json; docs/reproducibility.md says when that is allowed
//   --if-present    leaves out, and says so, what cannot be had here; never in CI (CI=true)
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fetchNodes } from './nodes.mjs';
import { clearResult, inCI, ROOT, writeResult } from './results.mjs';

const update = process.argv.includes('--update');
const maySkip = process.argv.includes('--if-present') && !inCI;
const golden = path.join(ROOT, 'testdata/digests.json');
const EMULATOR = 'qemu-aarch64-static';
const LIBRARIES = '/usr/aarch64-linux-gnu';
const NOBODY = 65534;
const TMPFS = 0x01021994;

const has = (program) => process.env.PATH.split(':').some((dir) => fs.existsSync(path.join(dir, program)));
const isRoot = process.getuid() === 0;
const isTmpfs = (folder) => fs.existsSync(folder) && fs.statfsSync(folder).type === TMPFS;

/** What emulation needs and is not there: Debian's qemu-user-static, and the -arm64-cross package of each library. */
function missing(libraries) {
  const lacking = libraries.filter((name) => !fs.existsSync(path.join(LIBRARIES, 'lib', name)));
  if (!has(EMULATOR)) lacking.unshift(EMULATOR);
  return lacking.length > 0 ? `${lacking.join(' and ')} for arm64 is not installed` : '';
}

/** A world: what it is called, how it differs from a plain run here, how many threads at once show that it does, and why it cannot be had, if it cannot. */
const WORLDS = [
  { name: `Node ${process.versions.node}, here` },
  ...['20', '22', '24', 'latest'].map((version) => ({ name: `Node ${version}, x64`, node: { version, arch: 'x64' } })),
  ...['22', 'latest'].map((version) => ({
    name: `Node ${version}, arm64`,
    node: { version, arch: 'arm64' },
    obstacle: () => missing(version === 'latest' ? ['libstdc++.so.6', 'libatomic.so.1'] : ['libstdc++.so.6']),
  })),
  { name: 'another user', uid: NOBODY, obstacle: () => (isRoot ? '' : 'only root can become another user') },
  { name: 'LANG=C', env: { LANG: 'C', LC_ALL: 'C' } },
  { name: 'LANG=tr_TR.UTF-8', env: { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' } },
  { name: 'TZ=Pacific/Kiritimati', env: { TZ: 'Pacific/Kiritimati' } },
  { name: 'umask 077', umask: 0o077 },
  { name: 'tmpfs', below: '/dev/shm', obstacle: () => (isTmpfs('/dev/shm') ? '' : '/dev/shm is no tmpfs') },
  {
    name: '1 worker, one processor',
    workers: 1,
    threads: [0, 1],
    taskset: true,
    obstacle: () => (has('taskset') ? '' : 'taskset is not installed'),
  },
  // one hashes while they compress
  { name: '8 workers', workers: 8, threads: [9, 9] },
  { name: 'folders listed backwards', reversed: true },
  { name: 'another zlib', foreignZlib: true },
];

/** Runs the corpus in a world. @returns what the worker printed */
function run(world, binary) {
  const below = world.below ?? path.join(ROOT, 'node_modules/.cache');
  fs.mkdirSync(below, { recursive: true });
  const work = fs.mkdtempSync(path.join(world.uid === undefined ? below : publicFolder(), 'wbuild-matrix-'));
  if (world.uid !== undefined) fs.chownSync(work, world.uid, world.uid);
  const { workers, reversed, foreignZlib } = world;
  // another user may not be able to look into the checkout
  const checkout = world.uid === undefined ? ROOT : copyOfCheckout();
  const emulated = world.node?.arch === 'arm64';
  const options = JSON.stringify({ checkout, work, workers, reversed, foreignZlib, emulated });
  const command = [
    ...(world.taskset ? ['taskset', '-c', '0'] : []),
    ...(emulated ? [EMULATOR, '-L', LIBRARIES] : []),
    binary,
    path.join(checkout, 'scripts/matrix/worker.mjs'),
    options,
  ];
  const umask = process.umask(world.umask ?? 0o022);
  const child = spawn(command[0], command.slice(1), {
    env: { PATH: process.env.PATH, HOME: work, TMPDIR: work, ...world.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(world.uid !== undefined && { uid: world.uid, gid: world.uid }),
  });
  process.umask(umask);
  return new Promise((resolve, reject) => {
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => (text[name] += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      fs.rmSync(work, { recursive: true, force: true });
      if (code === 0) resolve(JSON.parse(text.stdout));
      else reject(new Error(`the worker ended with ${code}\n${text.stderr.slice(-3000)}`));
    });
  });
}

/** Where every user may go. */
const publicFolder = () => fs.realpathSync(os.tmpdir());

let copy;
function copyOfCheckout() {
  if (copy) return copy;
  copy = fs.mkdtempSync(path.join(publicFolder(), 'wbuild-matrix-'));
  fs.chmodSync(copy, 0o755);
  for (const name of ['dist', 'testdata', 'scripts', 'package.json'])
    fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true, verbatimSymlinks: true });
  fs.mkdirSync(path.join(copy, 'node_modules'));
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')).packages[''];
  for (const name of Object.keys(dependencies)) copyPackage(name);
  return copy;
}

function copyPackage(name) {
  const from = path.join(ROOT, 'node_modules', name);
  const to = path.join(copy, 'node_modules', name);
  if (fs.existsSync(to) || !fs.existsSync(from)) return;
  fs.cpSync(from, to, { recursive: true });
  const { dependencies = {} } = JSON.parse(fs.readFileSync(path.join(from, 'package.json'), 'utf8'));
  for (const other of Object.keys(dependencies)) copyPackage(other);
}

/** What differs from what is promised, a line each. */
function differences(found, allPromised, { threads }) {
  const lines = [];
  const promised = Object.fromEntries(Object.entries(allPromised).filter(([name]) => !found.left.includes(name)));
  for (const [kind, builds] of Object.entries({ cold: found.cold, warm: found.warm })) {
    for (const name of new Set([...Object.keys(promised), ...Object.keys(builds)])) {
      for (const form of new Set([...Object.keys(promised[name] ?? {}), ...Object.keys(builds[name] ?? {})])) {
        const [is, was] = [builds[name]?.[form], promised[name]?.[form]];
        if (is?.manifest !== was?.manifest)
          lines.push(
            `${name}, ${form}, ${kind}: manifest ${is?.manifest ?? 'none'}, promised ${was?.manifest ?? 'none'}`,
          );
        else if (is?.archive !== was?.archive)
          lines.push(`${name}, ${form}, ${kind}: archive ${is?.archive}, promised ${was?.archive}`);
      }
    }
  }
  const [least, most] = threads ?? [0, Number.POSITIVE_INFINITY];
  if (found.threads < least || found.threads > most)
    lines.push(`${found.threads} threads at once, where it should be ${least} to ${most}`);
  for (const name of found.open) lines.push(`the umask lets nobody read ${name} of the store, and others may`);
  return lines;
}

/** A build and its forms in a line. */
function goldenText(builds) {
  const lines = Object.entries(builds).map(
    ([name, forms]) => `  ${JSON.stringify(name)}: ${JSON.stringify(forms, null, 2).replace(/\n/g, '\n  ')}`,
  );
  return `{\n${lines.join(',\n')}\n}\n`;
}

clearResult('matrix');
const obstacles = WORLDS.map((world) => world.obstacle?.() ?? '');
const worlds = WORLDS.filter((_, i) => obstacles[i] === '');
const nodes = worlds.flatMap(({ node }) => (node ? [node] : []));
const binaries = fetchNodes(nodes);
const binaryOf = (world) => (world.node ? binaries[nodes.indexOf(world.node)] : process.execPath);

let promised = fs.existsSync(golden) && !update ? JSON.parse(fs.readFileSync(golden, 'utf8')) : undefined;
let failed = 0;
for (const [i, world] of WORLDS.entries()) {
  if (obstacles[i] === '') continue;
  console.log(`${world.name}: ${maySkip ? 'left out' : 'FAILED'}: ${obstacles[i]}`);
  if (!maySkip) failed++;
}
/** As many at once as there are processors. */
async function all() {
  const queue = [...worlds];
  // the first says what is promised where nothing is
  if (!promised) {
    promised = (await run(queue[0], binaryOf(queue[0]))).cold;
    fs.writeFileSync(golden, goldenText(promised));
    console.log(`wrote testdata/digests.json: ${Object.keys(promised).length} builds`);
  }
  const one = async () => {
    for (let world = queue.shift(); world; world = queue.shift()) {
      const started = Date.now();
      const lines = await run(world, binaryOf(world)).then(
        (found) => differences(found, promised, world),
        (error) => [error.message],
      );
      const seconds = Math.round((Date.now() - started) / 100) / 10;
      console.log(
        `${world.name}: ${lines.length === 0 ? 'the same' : `FAILED: ${lines.length} differences`} (${seconds} s)`,
      );
      for (const line of lines.slice(0, 10)) console.log(`    ${line}`);
      if (lines.length > 0) failed++;
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, os.availableParallelism()) }, one));
}
try {
  await all();
} finally {
  if (copy) fs.rmSync(copy, { recursive: true, force: true });
}
const passed = WORLDS.length - failed - (maySkip ? obstacles.filter(Boolean).length : 0);
const builds = Object.keys(promised).length;
console.log(`${passed} of ${WORLDS.length} worlds give the ${builds} builds their digests, cold and warm`);
writeResult('matrix', { passed, failed, skipped: 0 });
process.exitCode = failed === 0 ? 0 : 1;
