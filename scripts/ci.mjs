#!/usr/bin/env node
// All lanes, one after the other; a lane that fails does not keep the others from running. The last line is `N passed, N failed`.
import { spawnSync } from 'node:child_process';
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

const LANES = [
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
  { name: 'builder', command: ['npm', 'run', '--silent', 'test:builder'], count: tests('builder') },
  {
    name: 'newer',
    // the parity corpus on a newer BuildKit than that of the peers, which refuses some of it
    command: ['bash', 'scripts/fuzz-daemon.sh', 'run', 'npm', 'run', '--silent', 'test:builder'],
    count: tests('newer'),
  },
  { name: 'bench', command: ['npm', 'run', '--silent', 'test:bench'], count: one },
  { name: 'peers', command: ['npm', 'run', '--silent', 'test:peers'], count: tests('peers') },
  {
    name: 'fuzz',
    // a daemon of its own: the one of the peers has a BuildKit too old for a good part of the language
    command: [
      ...['bash', 'scripts/fuzz-daemon.sh', 'run'],
      ...['npm', 'run', '--silent', 'fuzz', '--', '--seed', '1', '--seconds', '120'],
    ],
    count: tests('fuzz'),
  },
];

const results = LANES.map(({ name, command, count }) => {
  console.log(`\n== ${name}: ${command.join(' ')}`);
  const started = Date.now();
  const { status } = spawnSync(command[0], command.slice(1), { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  return { name, ...count(status), seconds: Math.round((Date.now() - started) / 1000) };
});

console.log('\n== summary');
for (const { name, passed, failed, seconds } of results) {
  console.log(
    `${name.padEnd(8)} ${String(passed).padStart(5)} passed ${String(failed).padStart(5)} failed ${String(seconds).padStart(5)} s`,
  );
}
const sum = (key) => results.reduce((n, result) => n + result[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 ? 0 : 1;
