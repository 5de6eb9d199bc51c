/** Golden files: text under testdata/ that a test must give. `UPDATE_GOLDEN=1` rewrites them, and the diff is reviewed. */
import fs from 'node:fs';
import path from 'node:path';
import { expect } from '@jest/globals';
import { TESTDATA } from './rig.js';

/** Compares `text` with the file (relative to testdata/), all of it. */
export function expectGolden(file: string, text: string): void {
  const golden = path.join(TESTDATA, file);
  if (process.env.UPDATE_GOLDEN === '1') {
    fs.mkdirSync(path.dirname(golden), { recursive: true });
    fs.writeFileSync(golden, text);
  }
  if (!fs.existsSync(golden))
    throw new Error(`testdata/${file} does not exist: run the test once with UPDATE_GOLDEN=1`);
  expect(text).toBe(fs.readFileSync(golden, 'utf8'));
}
