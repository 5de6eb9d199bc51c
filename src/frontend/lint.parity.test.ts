/** BuildKit's rules say what BuildKit says: the same rules on the same lines, for every folder of testdata/lint. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { analyzeDockerfile } from '../build/plan.js';
import { parseIgnoreFile } from '../context/ignore.js';
import type { Platform } from '../oci/descriptor.js';
import { parsePlatform } from '../oci/platform.js';
import { TESTDATA } from '../test/rig.js';
import { decodeText } from '../util/text.js';
import { isBuildKitRule } from './lint.js';

const folder = path.join(TESTDATA, 'lint');
const cases = fs.readdirSync(folder).filter((name) => fs.existsSync(path.join(folder, name, 'buildkit.json')));
const LINUX: Platform = { os: 'linux', architecture: 'amd64' };

/** BuildKit's rules about instructions outside the subset. */
const FOREIGN = /^LegacyKeyValueFormat /;

/** BuildKit names the last line of the instruction, we the empty one; both lie in the instruction. */
const OTHER_LINE: Readonly<Record<string, readonly string[]>> = {
  'empty-continuation': ['NoEmptyContinuation 5'],
  'empty-continuation-skipped-above': ['NoEmptyContinuation 5'],
};

interface Recorded {
  readonly warnings: readonly string[];
  readonly error?: string;
}

function read(name: string, file: string): Buffer | undefined {
  const full = path.join(folder, name, file);
  return fs.existsSync(full) ? fs.readFileSync(full) : undefined;
}

test.each(cases)('%s', (name) => {
  const recorded = JSON.parse(String(read(name, 'buildkit.json'))) as Recorded;
  const options = String(read(name, 'options') ?? '');
  const option = (key: string) => new RegExp(`--${key} (\\S+)`).exec(options)?.[1];
  const ignore = read(name, '.dockerignore');
  const platform = parsePlatform(option('platform') ?? 'linux/amd64', LINUX) as Platform;
  const target = option('target');
  const { warnings, errors, check } = analyzeDockerfile({
    file: 'Dockerfile',
    bytes: read(name, 'Dockerfile')!,
    target,
    platform,
    excludes: ignore ? parseIgnoreFile(decodeText(ignore), '.dockerignore').patterns : [],
    named: new Map(),
    allStages: target === undefined,
  });
  const ours = warnings
    .filter((w) => isBuildKitRule(w.code))
    .map(({ code, range }) => {
      const line = code === 'NoEmptyContinuation' ? range!.start.line : (range!.instructionLine ?? range!.start.line);
      return `${code} ${line}`;
    });
  if (name in OTHER_LINE) {
    expect(recorded.warnings).toEqual(OTHER_LINE[name]);
    expect(ours.map((w) => w.split(' ')[0])).toEqual(recorded.warnings.map((w) => w.split(' ')[0]));
    return;
  }
  const theirs = recorded.warnings.filter((w) => !FOREIGN.test(w));
  if (recorded.error?.startsWith('failed to parse check options')) {
    expect(errors.map((e) => e.code)).toEqual(['InvalidDirective']);
    return;
  }
  expect([...ours].sort()).toEqual([...theirs].sort());
  const refused = errors.some((e) => e.code !== 'UnsupportedInstruction'); // ARG is outside the subset
  expect(refused || (check.error && ours.length > 0)).toBe(recorded.error !== undefined);
});

test('there are cases for every rule that BuildKit has and we have', async () => {
  const { RULES } = await import('./lint.js');
  const seen = new Set(
    cases.flatMap((name) =>
      (JSON.parse(String(read(name, 'buildkit.json'))) as Recorded).warnings.map((w) => w.split(' ')[0]),
    ),
  );
  expect(RULES.filter((r) => r.url !== undefined && !seen.has(r.code)).map((r) => r.code)).toEqual([]);
});
