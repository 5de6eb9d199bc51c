#!/usr/bin/env node
// All lanes; a lane that fails does not keep the others from running. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { ROOT, readResult } from './results.mjs';

/** What a lane that counts nothing adds: itself. */
const one = (code) => (code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

/** What jest counted; a run that counted nothing has failed. A test that was skipped is a failure here. */
const tests = (lane) => (code) => {
  const { passed, failed, skipped } = readResult(lane) ?? { passed: 0, failed: 0, skipped: 0 };
  return { passed, failed: Math.max(failed + skipped, code === 0 ? 0 : 1) };
};

/** Cases that are not identical count as failed only where the lane as a whole does, by the floor or by a crash. */
const parity = (code) => {
  const scores = [readResult('parity'), readResult('outputs')].filter(Boolean);
  const sum = (key) => scores.reduce((n, score) => n + score[key], 0);
  return { passed: sum('identical'), failed: code === 0 ? 0 : Math.max(1, sum('total') - sum('identical')) };
};

/** One after the other. */
const ALONE = [
  { name: 'build', command: ['npm', 'run', '--silent', 'build'], count: one },
  {
    name: 'lint',
    command: ['npx', 'biome', 'check', '--diagnostic-level=warn', '--error-on-warnings', '.'],
    count: one,
  },
  { name: 'types', command: ['npx', 'tsc', '--noEmit'], count: one },
  { name: 'proto', command: ['npm', 'run', '--silent', 'generate:proto', '--', '--check'], count: one },
  { name: 'tests', command: ['npm', 'test', '--silent'], count: tests('tests') },
  { name: 'slow', command: ['npm', 'run', '--silent', 'test:slow'], count: tests('slow') },
  { name: 'demo', command: ['npm', 'run', '--silent', 'demo'], count: one },
  { name: 'parity', command: ['npm', 'run', '--silent', 'test:parity'], count: parity },
  { name: 'status', command: ['node', 'scripts/status.mjs', '--check'], count: one },
  { name: 'faults', command: ['npm', 'run', '--silent', 'test:faults'], count: tests('faults') },
  { name: 'matrix', command: ['npm', 'run', '--silent', 'test:matrix'], count: tests('matrix') },
  { name: 'bench', command: ['npm', 'run', '--silent', 'test:bench'], count: one },
  { name: 'builder', command: ['npm', 'run', '--silent', 'test:builder'], count: tests('builder') },
];

/** Beside one another, each in its order, since a daemon is what they wait for most of the time. The lane `builder` has set the peers up by then. */
const TRACKS = [
  [{ name: 'peers', command: ['npm', 'run', '--silent', 'test:peers'], count: tests('peers') }],
  [
    {
      name: 'newer',
      // the parity corpus on a newer BuildKit than that of the peers, which refuses some of it
      command: ['bash', 'scripts/fuzz-daemon.sh', 'run', 'npm', 'run', '--silent', 'test:builder'],
      count: tests('newer'),
    },
    {
      name: 'fuzz',
      // a daemon of its own: the one of the peers has a BuildKit too old for a good part of the language
      command: [
        ...['bash', 'scripts/fuzz-daemon.sh', 'run'],
        ...['npm', 'run', '--silent', 'fuzz', '--', '--seed', '1', '--seconds', '120'],
      ],
      count: tests('fuzz'),
    },
  ],
];

/** Runs a lane. What it says is shown at once where it runs alone, else when it has ended. */
async function runLane({ name, command, count }, alone) {
  const title = `\n== ${name}: ${command.join(' ')}\n`;
  if (alone) process.stdout.write(title);
  const output = alone ? 'inherit' : 'pipe';
  const started = Date.now();
  const child = spawn(command[0], command.slice(1), { cwd: ROOT, stdio: ['ignore', output, output] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => said.push(bytes));
  const status = await new Promise((resolve) => {
    child.on('error', () => resolve(1)).on('close', resolve);
  });
  if (!alone) process.stdout.write(title + Buffer.concat(said));
  return { name, ...count(status), seconds: Math.round((Date.now() - started) / 1000) };
}

async function runInTurn(lanes, alone) {
  const results = [];
  for (const lane of lanes) results.push(await runLane(lane, alone));
  return results;
}

const first = await runInTurn(ALONE, true);
const results = [...first, ...(await Promise.all(TRACKS.map((lanes) => runInTurn(lanes, false)))).flat()];

console.log('\n== summary');
for (const { name, passed, failed, seconds } of results) {
  console.log(
    `${name.padEnd(8)} ${String(passed).padStart(5)} passed ${String(failed).padStart(5)} failed ${String(seconds).padStart(5)} s`,
  );
}
const sum = (key) => results.reduce((n, result) => n + result[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 ? 0 : 1;
