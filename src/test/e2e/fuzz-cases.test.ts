/** What the fuzzer found (docs/fuzzing.md), as parity cases: BuildKit's results are in them. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { BIN, ROOT, TESTDATA } from '../rig.js';

const runner = path.join(ROOT, '../shared/parity/run.mjs');
const there = fs.existsSync(runner);

(there ? test : test.skip)('every case of testdata/fuzz is identical', () => {
  const args = [runner, '--wbuild', `'${process.execPath}' '${BIN}'`, path.join(TESTDATA, 'fuzz')];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const cases = fs.readdirSync(path.join(TESTDATA, 'fuzz')).length;
  expect(stdout + stderr).toMatch(new RegExp(`^${cases} of ${cases} identical$`, 'm'));
});
