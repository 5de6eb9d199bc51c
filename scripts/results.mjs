// Where the lanes leave what they counted, for scripts/status.mjs and CI to read: one JSON file a lane, of the last run.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
export const BIN = path.join(ROOT, 'bin/wbuild.js');
/** The reference results, which lie beside the checkout. */
export const SHARED = path.join(ROOT, '../shared');
const folder = path.join(ROOT, 'node_modules/.cache/wbuild-results');

/** In CI nothing may be skipped. */
export const inCI = process.env.CI === 'true';

const fileOf = (lane) => path.join(folder, `${lane}.json`);

export function writeResult(lane, result) {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(fileOf(lane), JSON.stringify(result, null, 2));
}

/** @returns what the lane left, or undefined */
export function readResult(lane) {
  return fs.existsSync(fileOf(lane)) ? JSON.parse(fs.readFileSync(fileOf(lane), 'utf8')) : undefined;
}

export function clearResult(lane) {
  fs.rmSync(fileOf(lane), { force: true });
}

/** Runs jest with ES modules, and leaves how many tests passed and failed. @returns its exit code */
export function runJest(lane, args, env = {}) {
  clearResult(lane);
  const report = path.join(folder, `${lane}.jest.json`);
  fs.mkdirSync(folder, { recursive: true });
  fs.rmSync(report, { force: true });
  const jest = path.join(ROOT, 'node_modules/jest/bin/jest.js');
  const flags = ['--experimental-vm-modules', '--no-warnings', jest, '--json', `--outputFile=${report}`, ...args];
  // jest prints its JSON on standard output, too: only the report for people, on standard error, is shown
  const stdio = ['ignore', 'ignore', 'inherit'];
  const { status } = spawnSync(process.execPath, flags, { cwd: ROOT, stdio, env: { ...process.env, ...env } });
  if (fs.existsSync(report)) {
    const json = JSON.parse(fs.readFileSync(report, 'utf8'));
    const suites = json.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0);
    writeResult(lane, {
      passed: json.numPassedTests,
      failed: json.numFailedTests + suites.length, // a file that does not load counts as one test
      skipped: json.numPendingTests + json.numTodoTests,
    });
  }
  return status ?? 1;
}

export const percent = (part, whole) => `${(Math.floor((1000 * part) / Math.max(1, whole)) / 10).toFixed(1)} %`;
