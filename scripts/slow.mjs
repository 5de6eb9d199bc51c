#!/usr/bin/env node
// `npm run test:slow`: tests that take longer than all the patience of `npm test` (src/test/slow): docs/ci.md from nothing to green, a file of
// 500 MB, every answer of pako. Arguments go to jest.
import { runJest } from './results.mjs';

process.exitCode = runJest('slow', [
  '--maxWorkers=100%',
  ...process.argv.slice(2),
  '--testPathPatterns',
  'src/test/slow',
]);
