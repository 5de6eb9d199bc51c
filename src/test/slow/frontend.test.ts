/** The inputs of bench/frontend.mjs, large and hostile: each comes to an end. How long it takes is for the bench to say. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT } from '../rig.js';

/** Some twenty times what all of them take; what explodes would take longer than the universe lasts. */
const MINUTES = 5;

test(
  'no input makes the frontend explode',
  () => {
    const bench = path.join(ROOT, 'bench/frontend.mjs');
    const options = { encoding: 'utf8', timeout: MINUTES * 60_000 } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [bench, '--once'], options);
    const names = stdout.trim().split('\n');
    expect({ status, stderr, last: names.at(-1) }).toEqual({ status: 0, stderr: '', last: '5,000 ignore patterns' });
    expect(names.length).toBeGreaterThan(50);
  },
  (MINUTES + 1) * 60_000,
);
