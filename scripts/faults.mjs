#!/usr/bin/env node
// `npm run test:faults`: what kill -9, races, full disks, damage and wrong clocks do to builds (src/test/faults). Prints how often.
// WBUILD_SEED=N repeats a run. Other arguments go to jest, as in `npm run test:faults -- -t moments`.
import { runJest } from './results.mjs';

process.exitCode = runJest('faults', [
  '--maxWorkers=2',
  ...process.argv.slice(2),
  '--testPathPatterns',
  'src/test/faults',
]);
