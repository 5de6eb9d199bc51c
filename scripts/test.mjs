#!/usr/bin/env node
// `npm test`: unit, property and end-to-end tests. Arguments go to jest. What it does not run, it says.
import fs from 'node:fs';
import { runJest, SHARED } from './results.mjs';

const args = process.argv.slice(2);
// every core: jest would leave one idle, and most of what it waits for are programs that the tests run
process.exitCode = runJest('tests', [
  '--maxWorkers=100%',
  '--testPathIgnorePatterns',
  '/src/test/(peers|builder|faults|slow)/',
  ...args.flatMap(asFlag),
]);
if (args.length === 0) {
  console.log('Not run here: the peers lane (docker, skopeo, umoci, oras, wasmedge, BuildKit): npm run test:peers');
  console.log('Not run here: builds on a BuildKit daemon: npm run test:builder');
  console.log('Not run here: what takes long (docs/ci.md, a file of 500 MB): npm run test:slow');
  console.log('Not run here: the faults lane (kill -9, races, full disks, damage): npm run test:faults');
  console.log('Not run here: the parity lane (cases recorded from BuildKit): npm run test:parity');
  if (!fs.existsSync(SHARED)) console.log('Not run here: tests that need ../shared, which is not there');
}

/** A pattern after --testPathIgnorePatterns would be taken for one more of its values. */
function asFlag(arg) {
  return arg.startsWith('-') ? [arg] : ['--testPathPatterns', arg];
}
