/** docs/diagnostics keeps its word: every code has a page, what a page calls bad is found, and what it calls good is clean. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import wabt from 'wabt';
import { type CheckResult, check } from '../build/check/check.js';
import { parseArgs } from '../cli/args.js';
import { CAUSES } from '../compare/causes.js';
import { CODES } from '../diagnostic/codes.js';
import { RULES } from '../frontend/lint.js';
import { ROOT, useRig } from './rig.js';

const folder = path.join(ROOT, 'docs/diagnostics');
const index = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
const pages = fs
  .readdirSync(folder)
  .filter((name) => name.endsWith('.md') && name !== 'README.md')
  .map((name) => name.replace(/\.md$/, ''));
const rig = useRig();

interface Block {
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

/** The fenced blocks below a heading. */
function blocksOf(page: string, heading: string): Block[] {
  const section = new RegExp(`^## ${heading}$([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(page)?.[1] ?? '';
  return [...section.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm)].map(([, language, file, text]) => {
    return { language: language!, file, text: text! };
  });
}

/** Lays out an example and checks it, by the command line that it gives or `wbuild check .`. */
async function run(blocks: readonly Block[]): Promise<CheckResult> {
  const typed = blocks.flatMap((b) => (b.language === 'console' ? b.text.trimEnd().split('\n') : []));
  const lines = typed.map((line) => line.replace(/^\$ /, ''));
  const isCheck = (line: string) => /(?:^| )wbuild check /.test(line);
  for (const { language, file, text } of blocks) {
    if (language === 'dockerfile') rig.write({ Dockerfile: text });
    else if (language === 'wat') rig.write({ [file!]: (await wabt()).parseWat(file!, text).toBinary({}).buffer });
    else if (file !== undefined) rig.write({ [file]: text });
  }
  const script = ['set -e', 'umask 022', ...lines.filter((line) => !isCheck(line))].join('\n');
  const shell = spawnSync('sh', ['-c', script], { cwd: rig.dir, encoding: 'utf8' });
  expect(shell).toMatchObject({ status: 0, stderr: '' });

  const words = (lines.find(isCheck) ?? 'wbuild check .').split(' ');
  const start = words.indexOf('wbuild');
  const env = Object.fromEntries(words.slice(0, start).map((word) => word.split('=', 2) as [string, string]));
  const command = parseArgs(words.slice(start + 1), env);
  if (command.kind !== 'check') throw new Error(`no check: ${words.join(' ')}`);
  const { build } = command.options;
  const contexts = Object.entries(build.buildContexts ?? {}).map(([name, dir]) => [name, rig.path(dir)]);
  return check({ ...build, context: rig.dir, buildContexts: Object.fromEntries(contexts), cacheDir: rig.cacheDir });
}

describe('the index', () => {
  test('has every code: with a page, or among those that explain themselves', () => {
    const alone = new Set([...index.matchAll(/`([A-Z]\w+)`/g)].map((m) => m[1]!));
    const missing = Object.keys(CODES).filter((code) => !pages.includes(code) && !alone.has(code));
    expect(missing).toEqual([]); // write docs/diagnostics/<Code>.md, or add the code to the last section of its README.md
  });

  test('links to every page, and to no other', () => {
    const linked = [...index.matchAll(/\]\((\w+)\.md\)/g)].map((m) => m[1]!);
    expect(linked.sort()).toEqual([...pages].sort());
    expect(pages.filter((code) => !(code in CODES))).toEqual([]);
  });

  test('has a page for every rule', () => {
    expect(RULES.map((r) => r.code).filter((code) => !pages.includes(code))).toEqual([]);
  });
});

describe('causes of a difference between images', () => {
  const causes = path.join(folder, 'causes');

  test('have a page each, which the index links to', () => {
    const list = fs.readFileSync(path.join(causes, 'README.md'), 'utf8');
    const linked = [...list.matchAll(/\]\((\w+)\.md\)/g)].map((m) => m[1]!);
    const files = fs.readdirSync(causes).filter((name) => name !== 'README.md');
    expect(linked.sort()).toEqual(Object.keys(CAUSES).sort());
    expect(files.map((name) => name.replace(/\.md$/, '')).sort()).toEqual(linked);
  });

  test.each(Object.keys(CAUSES))('%s: how it is said, why, and the mend', (code) => {
    const page = fs.readFileSync(path.join(causes, `${code}.md`), 'utf8');
    expect(page).toMatch(new RegExp(`^# ${code}\n\n    ${code}: .+\n\n## Why\n\n.+\n\n## Mend\n\n.+\n$`));
  });
});

describe.each(pages)('%s', (code) => {
  const page = fs.readFileSync(path.join(folder, `${code}.md`), 'utf8');

  test('says what is bad, what is good, and why', () => {
    expect(page.split('\n')[0]).toBe(`# ${code}`);
    expect([...page.matchAll(/^## (.*)$/gm)].map((m) => m[1])).toEqual(['Bad', 'Good', 'Why']);
  });

  test('what is bad is found', async () => {
    const { diagnostics } = await run(blocksOf(page, 'Bad'));
    const found = diagnostics.filter((d) => d.code === code);
    expect(diagnostics.map((d) => d.code)).toContain(code);
    for (const { hint } of found) expect(hint).toBeTruthy();
  });

  test('what is good is clean', async () => {
    expect(await run(blocksOf(page, 'Good'))).toEqual({ ok: true, diagnostics: [] });
  });
});
