/**
 * The cases of testdata/parse, testdata/build and testdata/fail, each a folder; testdata/README.md says what is in it. Adding one needs no code.
 * `UPDATE_GOLDEN=1 npm test -- golden` writes what is expected; read the diff, aloud where it is an error, before it is committed.
 */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseDockerfile } from '../../build/check/dockerfile.js';
import { CODES } from '../../diagnostic/codes.js';
import type { SourceRange } from '../../diagnostic/diagnostic.js';
import { argumentsOf, type CaseKind, casesOf, environmentOf, layOutCase, readCaseFile } from '../cases.js';
import { runCommand } from '../command.js';
import { expectGolden } from '../golden.js';
import { digestOf, type ReadEntry, readImage } from '../read-image.js';
import { ROOT, useRig } from '../rig.js';

const rig = useRig();

/** Runs a command line in a case that is laid out. */
function run(kind: CaseKind, name: string, argv: readonly string[]) {
  const env = { XDG_CACHE_HOME: rig.cacheDir, HOME: rig.cacheDir, ...environmentOf(kind, name) };
  return runCommand(argv, { cwd: rig.dir, env, input: readCaseFile(kind, name, 'stdin') ?? '' });
}

describe('parse', () => {
  const at = ({ start, end }: SourceRange) => `${start.line}:${start.column}-${end.line}:${end.column}`;

  test.each(casesOf('parse'))('%s', (name) => {
    const { document, diagnostics } = parseDockerfile(readCaseFile('parse', name, 'Dockerfile')!);
    const { file: _file, text: _text, ...rest } = document;
    // a place is one word, so that a whole instruction can be seen at once
    const short = (_key: string, value: unknown) => {
      const range = value as SourceRange | null;
      return range !== null && typeof value === 'object' && 'start' in range ? at(range) : value;
    };
    expectGolden(`parse/${name}/document.json`, `${JSON.stringify({ ...rest, diagnostics }, short, 2)}\n`);
  });
});

describe('build', () => {
  test.each(casesOf('build'))('%s', async (name) => {
    layOutCase(rig, 'build', name);
    const args = argumentsOf('build', name);
    const output = 'type=oci,dest=image.tar,compression=uncompressed';
    expect(await run('build', name, ['build', '-o', output, ...args])).toMatchObject({ code: 0, stdout: '' });
    const { index, manifest, config, layers } = await readImage(rig.path('image.tar'));
    const llb = await run('build', name, ['llb', ...args]);
    expect(llb.code).toBe(0);
    expectGolden(`build/${name}/llb.txt`, llb.stdout);
    expectGolden(`build/${name}/layers.txt`, layers.map((l) => listing(l.diffID, l.entries)).join('\n'));
    expectGolden(`build/${name}/index.json`, `${JSON.stringify({ index, manifest, config }, null, 2)}\n`);
  });

  /** Type, mode, owner, mtime, size, path, what a link leads to, what a file holds. */
  function listing(diffID: string, entries: readonly ReadEntry[]): string {
    const line = (e: ReadEntry) => {
      const target = e.linkname ? ` -> ${e.linkname}` : '';
      const content = e.type === 'file' ? ` ${digestOf(e.bytes).slice(0, 19)}` : '';
      const fields = [e.type, e.mode.toString(8), `${e.uid}:${e.gid}`, e.mtime, e.bytes.length, e.path];
      return `${fields.join(' ')}${target}${content}\n`;
    };
    return `layer ${diffID}\n${entries.map(line).join('')}`;
  }
});

describe('fail', () => {
  test.each(casesOf('fail'))('%s', async (name) => {
    layOutCase(rig, 'fail', name);
    const before = rig.list();
    const args = argumentsOf('fail', name, '-o', 'type=cacheonly');
    const { code, stdout, stderr } = await run('fail', name, args);
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m); // never a stack trace
    const said = stderr.replace(/^(?:(?:#\d+ .*)?\n)+/, ''); // without the progress, which has times in it
    expectGolden(`fail/${name}/diagnostics.txt`, `${stdout}${said}`.replaceAll(rig.dir, '<case>'));
    expectGolden(`fail/${name}/exit-code`, `${code}\n`);
    if (args[0] !== 'check') expect(code).not.toBe(0); // a check that finds only warnings holds
    expect(rig.list()).toEqual(before); // nothing written
  });

  test('every diagnostic code has a case, or a test that names it', () => {
    const seen = new Set<string>();
    for (const name of casesOf('fail')) {
      const text = String(readCaseFile('fail', name, 'diagnostics.txt'));
      for (const [, code] of text.matchAll(/^(?:error|warning)\[([A-Z]\w+)\]/gm)) seen.add(code!);
    }
    const left = Object.keys(CODES).filter((code) => !seen.has(code));
    const source = path.join(ROOT, 'src');
    const tests = fs
      .readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.test\.ts$/.test(name));
    const texts = tests.map((name) => fs.readFileSync(path.join(source, name), 'utf8'));
    const missing = left.filter((code) => !texts.some((text) => text.includes(code)));
    expect(missing).toEqual([]); // add testdata/fail/<case>
  });
});
